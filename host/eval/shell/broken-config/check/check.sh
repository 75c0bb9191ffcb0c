set -eu
[ "$(sh deploy.sh)" = "deploying to north, south within 90 s" ]
python3 - <<'END'
import json, tomllib

servers = json.load(open("config/servers.json"))
assert [(server["name"], server["port"]) for server in servers] == [("north", 8080), ("south", 8081), ("west", 8082)]
assert tomllib.load(open("config/deploy.toml", "rb"))["retries"] == 3
END
