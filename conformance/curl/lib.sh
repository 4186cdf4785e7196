# The common part of the curl scenarios. A scenario is a function; it runs in a subshell of its own.

failed=0
# The interpreter itself: a version manager's wrapper would be started hundreds of times.
python=$(python3 -c 'import sys; print(sys.executable)')
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# scenario NAME FUNCTION: runs it and says how it came out.
scenario() {
  local why
  if why=$("$2" 2>&1 >/dev/null); then
    echo "ok $1"
  else
    why=$(tail -c 900 <<< "$why")
    echo "FAIL $1: ${why//$'\n'/ }"
    failed=1
  fi
  # Sixteen requests a second stay below the twenty that a workload may make.
  sleep 0.06
}

fail() {
  echo "$*" >&2
  exit 1
}

# ask STATUS CURL-ARGUMENTS...: one request; the status must be STATUS. Body and headers are kept.
ask() {
  local want=$1 got
  shift
  got=$(curl -sS --max-time 20 -o "$tmp/body" -D "$tmp/headers" -w '%{http_code}' "$@" 2>"$tmp/error") \
    || fail "curl: $(cat "$tmp/error")"
  [ "$got" = "$want" ] || fail "status $got, not $want: $(head -c 600 "$tmp/body")"
}

# body EXPRESSION [VALUE...]: the Python expression holds for the JSON body b; VALUEs are v[0], v[1], ...
body() {
  "$python" -c '
import json, sys
b = json.load(open(sys.argv[1]))
v = sys.argv[3:]
if not eval(sys.argv[2]):
    sys.exit("not so: %s, in %s" % (sys.argv[2], json.dumps(b)[:900]))
' "$tmp/body" "$@" || fail "$(head -c 300 "$tmp/headers" | head -n 1)"
}

# field NAME...: the value below these names in the JSON body.
field() {
  "$python" -c '
import json, sys
b = json.load(open(sys.argv[1]))
for name in sys.argv[2:]:
    b = b[int(name)] if isinstance(b, list) else b[name]
print(b)
' "$tmp/body" "$@"
}

# header NAME PATTERN: the last answer has this header, and its value matches the extended regex.
header() {
  tr -d '\r' < "$tmp/headers" | grep -qiE "^$1: *($2)\$" || fail "no header '$1: $2' in: $(tr '\r\n' '  ' < "$tmp/headers")"
}

# claim TOKEN NAME: a claim of a token, not verified.
claim() {
  "$python" -c '
import base64, json, sys
part = sys.argv[1].split(".")[1]
print(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))[sys.argv[2]])
' "$1" "$2"
}

# info EXPRESSION: of the line that `up --json` printed, as i.
info() {
  "$python" -c 'import json, sys; i = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$BONAFIDE_INFO" "$1"
}

login=$(info 'i["endpoints"]["login"].rstrip("/")')
arm=$(info 'i["endpoints"]["management"].rstrip("/")')
ca=$(info 'i["caFile"]')
tenant=$(info 'i["tenantId"]')
subscription=$(info 'i["subscriptionId"]')
demo=$(info 'next(w["resourceId"] for w in i["workloads"] if w["resourceId"].lower().endswith("/virtualmachines/demo"))')
group="/subscriptions/$subscription/resourceGroups/demo"

# operator_token RESOURCE: a token of the operator, by the v1 endpoint.
operator_token() {
  ask 200 --cacert "$ca" "$login/$tenant/oauth2/token" -d grant_type=client_credentials \
    --data-urlencode "client_id=$(info 'i["operator"]["clientId"]')" \
    --data-urlencode "client_secret@$(info 'i["operator"]["secretFile"]')" --data-urlencode "resource=$1"
  field access_token
}

# manage STATUS METHOD PATH [CURL-ARGUMENTS...]: management, with the token in $bearer.
manage() {
  local want=$1 method=$2 path=$3
  shift 3
  ask "$want" --cacert "$ca" -X "$method" -H "Authorization: Bearer $bearer" -H 'Content-Type: application/json' "$arm$path" "$@"
}
