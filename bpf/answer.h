/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* DNS answers, as they reach a socket in a network namespace that a container talks from. */
#ifndef TIDEWAITER_ANSWER_H
#define TIDEWAITER_ANSWER_H

enum { DNS_PORT = 53, DNS_HEADER = 12, PAYLOAD = 4096 };

static __always_inline void tell_answer(struct __sk_buff *packet, __u32 netns, __u32 offset)
{
	struct place who = {netns, ~0ull};
	struct answer_event *event;
	__u64 size = (__u32)(packet->len - offset);

	/* A barrier, or the compiler checks one half of the register and the verifier asks for the whole. */
	asm volatile("" : "+r"(size));
	if (size < DNS_HEADER || size > PAYLOAD || !may_say(&who, ANSWERS_PER_SECOND))
		return;
	event = bpf_ringbuf_reserve(&ring, sizeof(*event) + PAYLOAD, 0);
	if (!event) {
		lose();
		return;
	}
	if (bpf_skb_load_bytes(packet, offset, event->payload, size)) {
		bpf_ringbuf_discard(event, 0);
		return;
	}
	begin(&event->head, EV_ANSWER);
	event->netns = netns;
	event->size = size;
	bpf_ringbuf_submit(event, 0);
}

/* After all filters and address translation, before the process reads it. */
SEC("cgroup_skb/ingress")
int on_ingress(struct __sk_buff *packet)
{
	struct bpf_sock *shown = packet->sk;
	__u32 offset = 40, netns;
	__u8 first = 0;

	if (!shown)
		return PASS;
	shown = bpf_sk_fullsock(shown);
	if (!shown || (shown->protocol != IPPROTO_UDP && shown->protocol != IPPROTO_TCP))
		return PASS;
	if (packet->protocol == bpf_htons(ETH_P_IP)) {
		if (bpf_skb_load_bytes(packet, 0, &first, 1))
			return PASS;
		offset = (first & 15) * 4;
	}
	if (shown->protocol == IPPROTO_UDP) {
		__u16 port = 0;

		if (bpf_skb_load_bytes(packet, offset, &port, 2) || port != bpf_htons(DNS_PORT))
			return PASS;
		offset += 8;
	} else {
		__u16 length = 0;

		if (shown->dst_port != bpf_htons(DNS_PORT) || bpf_skb_load_bytes(packet, offset + 12, &first, 1))
			return PASS;
		offset += (first >> 4) * 4 + 2;
		/* Over TCP a message follows its length; one that is spread over segments is not put together again. */
		if (bpf_skb_load_bytes(packet, offset - 2, &length, 2) || bpf_ntohs(length) != packet->len - offset)
			return PASS;
	}
	netns = netns_of(inside(shown));
	if (bpf_map_lookup_elem(&nets, &netns))
		tell_answer(packet, netns, offset);
	return PASS;
}

#endif
