#!/bin/sh
set -eu
python3 - <<'END'
import configparser, json, sys

config = configparser.ConfigParser()
try:
    with open("config/servers.json") as file:
        servers = json.load(file)
    with open("config/deploy.ini") as file:
        config.read_file(file)
    deploy = dict(config.items("deploy"))
except (json.JSONDecodeError, configparser.Error) as error:
    sys.exit(f"a file cannot be read: {error}")
names = [server["name"] for server in servers]
if len(set(names)) != len(names):
    sys.exit("two servers have the same name")
targets = [target.strip() for target in deploy["targets"].split(",")]
for target in targets:
    if target not in names:
        sys.exit(f"there is no server {target}")
if not deploy["timeout"].isdigit():
    sys.exit("the timeout is no number of seconds")
print(f"deploying to {', '.join(targets)} within {deploy['timeout']} s")
END
