#!/bin/sh
set -eu
python3 - <<'END'
import json, sys, tomllib

try:
    with open("config/servers.json") as file:
        servers = json.load(file)
    with open("config/deploy.toml", "rb") as file:
        deploy = tomllib.load(file)
except (json.JSONDecodeError, tomllib.TOMLDecodeError) as error:
    sys.exit(f"a file cannot be read: {error}")
names = [server["name"] for server in servers]
if len(set(names)) != len(names):
    sys.exit("two servers have the same name")
for target in deploy["targets"]:
    if target not in names:
        sys.exit(f"there is no server {target}")
if not isinstance(deploy["timeout"], int):
    sys.exit("the timeout is no number of seconds")
print(f"deploying to {', '.join(deploy['targets'])} within {deploy['timeout']} s")
END
