/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Connections and datagrams: who wanted to reach what, and what became of it.
 *
 * TCP: connect() is TRIED (so that what cannot even be routed is seen), the SYN is OPENED, then comes the outcome.
 * Datagrams: sendto() with an address is SENT, once in a while for each socket and address; connect() is only TRIED,
 * because the C library connects sockets just to sort addresses: the first datagram proves it.
 */
#ifndef TIDEWAITER_FLOW_H
#define TIDEWAITER_FLOW_H

enum { EXE = 512 };
#define REPEAT_NS 10000000000ull

/* Sockets whose outcome is awaited, by cookie. ELSEWHERE: the next datagram goes to an address of its own, and does not
 * prove that the connected one is used. */
enum { AWAITED = 1, ELSEWHERE = 2 };
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, __u8);
} sockets SEC(".maps");

struct said_key {
	__u64 socket;
	__u8 to[16];
	__u64 port;
};

/* When a socket last sent to an address: a flood of datagrams is no flood of events. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct said_key);
	__type(value, __u64);
} said SEC(".maps");

/* Network namespaces that containers talk from: DNS answers that arrive in others are nobody's. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, __u8);
} nets SEC(".maps");

static __always_inline void map_ipv4(__u8 out[16], __u32 address)
{
	__builtin_memset(out, 0, 10);
	out[10] = out[11] = 0xff;
	__builtin_memcpy(out + 12, &address, 4);
}

/* A socket's own number; its address where no program has given it one. */
static __always_inline __u64 socket_of(const struct sock *sk)
{
	__u64 cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);

	return cookie ? cookie : (__u64)sk;
}

static __always_inline __u32 netns_of(const struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
}

/* The nearer end, as far as it is known by now. */
static __always_inline void end_of(const struct sock *sk, __u8 from[16])
{
	if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_INET)
		map_ipv4(from, BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr));
	else
		bpf_core_read(from, 16, &sk->__sk_common.skc_v6_rcv_saddr);
}

/* The farther end. */
static __always_inline void peer_of(const struct sock *sk, __u8 to[16])
{
	if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_INET)
		map_ipv4(to, BPF_CORE_READ(sk, __sk_common.skc_daddr));
	else
		bpf_core_read(to, 16, &sk->__sk_common.skc_v6_daddr);
}

/* The kernel's own pointer to what a context shows as its socket. */
static __always_inline struct sock *inside(struct bpf_sock *shown)
{
	struct bpf_sock *held = shown;
	struct sock *sk = 0;

	bpf_probe_read_kernel(&sk, sizeof(sk), &held);
	return sk;
}

struct attempt {
	struct place place;
	__u64 socket;
	__u32 netns;
	__u16 port;
	__u8 protocol;
	__u8 stage;
	__u8 to[16];
	__u8 from[16];
};

static __noinline int tell_flow(struct attempt *attempt)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct flow_event *event;
	__u8 awaited = AWAITED;

	if (!may_say(&attempt->place, FLOWS_PER_SECOND))
		return 0;
	event = bpf_ringbuf_reserve(&ring, sizeof(*event) + EXE, 0);
	if (!event) {
		lose();
		return 0;
	}
	begin(&event->head, EV_FLOW);
	event->head.place = attempt->place;
	event->socket = attempt->socket;
	event->pid = BPF_CORE_READ(task, tgid);
	event->netns = attempt->netns;
	event->port = attempt->port;
	event->protocol = attempt->protocol;
	event->stage = attempt->stage;
	event->spare = 0;
	__builtin_memcpy(event->to, attempt->to, 16);
	__builtin_memcpy(event->from, attempt->from, 16);
	event->exe_size = 0;
	append_path(BPF_CORE_READ(task, mm, exe_file), event->exe, &event->exe_size, EXE);
	bpf_ringbuf_submit(event, 0);
	bpf_map_update_elem(&nets, &attempt->netns, &awaited, BPF_ANY);
	if (attempt->stage != SENT)
		bpf_map_update_elem(&sockets, &attempt->socket, &awaited, BPF_ANY);
	return 1;
}

static __always_inline void tell_outcome(const struct sock *sk, __u64 socket, __u32 outcome)
{
	struct outcome_event *event = bpf_ringbuf_reserve(&ring, sizeof(*event), 0);

	if (!event) {
		lose();
		return;
	}
	begin(&event->head, EV_OUTCOME);
	event->socket = socket;
	event->outcome = outcome;
	event->spare = 0;
	end_of(sk, event->from);
	bpf_ringbuf_submit(event, 0);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state, const struct sock *sk, const int before, const int after)
{
	struct attempt attempt = {};

	if (before != TCP_SYN_SENT && after != TCP_SYN_SENT)
		return 0;
	if (BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP)
		return 0;
	attempt.socket = socket_of(sk);
	if (bpf_map_lookup_elem(&sockets, &attempt.socket)) {
		if (after == TCP_SYN_SENT) {
			tell_outcome(sk, attempt.socket, OUT_OPENED);
			return 0;
		}
		bpf_map_delete_elem(&sockets, &attempt.socket);
		tell_outcome(sk, attempt.socket, after == TCP_CLOSE ? OUT_CLOSED : OUT_ESTABLISHED);
		return 0;
	}
	if (after != TCP_SYN_SENT || !is_watched((void *)bpf_get_current_task(), &attempt.place))
		return 0;
	peer_of(sk, attempt.to);
	end_of(sk, attempt.from);
	attempt.netns = netns_of(sk);
	attempt.port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	attempt.protocol = IPPROTO_TCP;
	attempt.stage = OPENED;
	tell_flow(&attempt);
	return 0;
}

/* The programs below stand beside the traffic: they always let it pass. */
enum { PASS = 1 };

static __always_inline int on_address(struct bpf_sock_addr *context, struct attempt *attempt)
{
	if (!is_watched((void *)bpf_get_current_task(), &attempt->place))
		return PASS;
	attempt->socket = bpf_get_socket_cookie(context);
	attempt->netns = netns_of(inside(context->sk));
	attempt->port = bpf_ntohs(context->user_port);
	attempt->protocol = context->protocol;
	if (attempt->stage == SENT) {
		struct said_key key = {attempt->socket, {}, attempt->port};
		__u64 now = bpf_ktime_get_boot_ns(), *last;
		__u8 *awaited = bpf_map_lookup_elem(&sockets, &attempt->socket);

		if (awaited)
			*awaited = ELSEWHERE;
		__builtin_memcpy(key.to, attempt->to, 16);
		last = bpf_map_lookup_elem(&said, &key);
		if (last && now - *last < REPEAT_NS)
			return PASS;
		if (tell_flow(attempt))
			bpf_map_update_elem(&said, &key, &now, BPF_ANY);
		return PASS;
	}
	tell_flow(attempt);
	return PASS;
}

static __always_inline int on_ipv4(struct bpf_sock_addr *context, __u8 stage)
{
	struct attempt attempt = {.stage = stage};

	map_ipv4(attempt.to, context->user_ip4);
	return on_address(context, &attempt);
}

static __always_inline int on_ipv6(struct bpf_sock_addr *context, __u8 stage)
{
	struct attempt attempt = {.stage = stage};
	__u32 parts[4] = {context->user_ip6[0], context->user_ip6[1], context->user_ip6[2], context->user_ip6[3]};

	__builtin_memcpy(attempt.to, parts, 16);
	return on_address(context, &attempt);
}

SEC("cgroup/connect4")
int on_connect4(struct bpf_sock_addr *context)
{
	return on_ipv4(context, TRIED);
}

SEC("cgroup/connect6")
int on_connect6(struct bpf_sock_addr *context)
{
	return on_ipv6(context, TRIED);
}

SEC("cgroup/sendmsg4")
int on_sendmsg4(struct bpf_sock_addr *context)
{
	return on_ipv4(context, SENT);
}

SEC("cgroup/sendmsg6")
int on_sendmsg6(struct bpf_sock_addr *context)
{
	return on_ipv6(context, SENT);
}

SEC("cgroup_skb/egress")
int on_egress(struct __sk_buff *packet)
{
	struct bpf_sock *shown = packet->sk;
	__u8 *awaited;
	__u64 socket;

	if (!shown)
		return PASS;
	shown = bpf_sk_fullsock(shown);
	if (!shown || shown->protocol == IPPROTO_TCP)
		return PASS;
	socket = bpf_get_socket_cookie(packet);
	awaited = bpf_map_lookup_elem(&sockets, &socket);
	if (!awaited)
		return PASS;
	if (*awaited == ELSEWHERE) {
		*awaited = AWAITED;
		return PASS;
	}
	bpf_map_delete_elem(&sockets, &socket);
	tell_outcome(inside(shown), socket, OUT_SENT);
	return PASS;
}

#endif
