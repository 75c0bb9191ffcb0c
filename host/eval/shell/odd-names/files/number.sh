#!/bin/sh
n=1
for f in $(ls $1); do
    mv $1/$f $1/0$n-$f
    n=`expr $n + 1`
done
