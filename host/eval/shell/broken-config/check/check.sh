set -eu
[ "$(sh deploy.sh)" = "deploying to north, south within 90 s" ]
python3 - <<'END'
import configparser, json

servers = json.load(open("config/servers.json"))
assert [(server["name"], server["port"]) for server in servers] == [("north", 8080), ("south", 8081), ("west", 8082)]
config = configparser.ConfigParser()
config.read("config/deploy.ini")
assert config["deploy"]["retries"] == "3"
END
