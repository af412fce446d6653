/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The ring to user space, what was lost on the way there, and how much one sender may say. */
#ifndef TIDEWAITER_RING_H
#define TIDEWAITER_RING_H

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16 << 20);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} lost SEC(".maps");

static __always_inline void lose(void)
{
	__u32 zero = 0;
	__u64 *count = bpf_map_lookup_elem(&lost, &zero);

	/* Atomic: a program may be interrupted by another one on the same CPU. */
	if (count)
		__sync_fetch_and_add(count, 1);
}

static __always_inline void begin(struct head *head, __u32 kind)
{
	head->kind = kind;
	head->flags = 0;
	head->boot_ns = bpf_ktime_get_boot_ns();
	head->place.unified = 0;
	head->place.pids = 0;
}

/* Without this, one container that sends datagrams to every address there is would fill the ring and hide the others. */
enum { FLOWS_PER_SECOND = 5000, ANSWERS_PER_SECOND = 200 };

struct spent {
	__u64 second;
	__u64 count;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct place);
	__type(value, struct spent);
} budgets SEC(".maps");

static __always_inline bool may_say(const struct place *who, __u64 most)
{
	__u64 second = bpf_ktime_get_boot_ns() >> 30; /* as good as a second, without a division */
	struct spent *spent = bpf_map_lookup_elem(&budgets, who);

	if (!spent) {
		struct spent first = {second, 1};

		bpf_map_update_elem(&budgets, who, &first, BPF_ANY);
		return 1;
	}
	if (spent->second != second) {
		spent->second = second;
		spent->count = 0;
	}
	if (__sync_fetch_and_add(&spent->count, 1) < most)
		return 1;
	lose();
	return 0;
}

#endif
