#!/bin/sh
# Prints the most frequent words of standard input.
set -eu
export LC_ALL=C
tr 'A-Z' 'a-z' | tr -cs 'a-z' '\n' | grep . | sort | uniq -c | sort -k1,1nr -k2,2 | head -n "${1:-3}" | sed 's/^ *//'
