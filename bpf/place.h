/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Where a task is: its cgroups, and what user space said of them. */
#ifndef TIDEWAITER_PLACE_H
#define TIDEWAITER_PLACE_H

enum verdict { ASKED = 1, CONTAINER = 2, HOST = 3 };

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 32768);
	__type(key, struct place);
	__type(value, __u32);
} places SEC(".maps");

enum { LEVELS = 32, NAME = 256, NAMES = 2048 };

struct cgroup_nodes {
	struct kernfs_node *unified;
	struct kernfs_node *pids;
};

static __always_inline __u64 id_of(struct kernfs_node *node)
{
	return BPF_CORE_READ(node, id);
}

static __always_inline void find_nodes(struct task_struct *task, struct cgroup_nodes *nodes, struct place *place)
{
	struct css_set *set = BPF_CORE_READ(task, cgroups);

	nodes->unified = BPF_CORE_READ(set, dfl_cgrp, kn);
	nodes->pids = nodes->unified;
	if (bpf_core_enum_value_exists(enum cgroup_subsys_id, pids_cgrp_id)) {
		__u32 index = bpf_core_enum_value(enum cgroup_subsys_id, pids_cgrp_id);

		nodes->pids = BPF_CORE_READ(set, subsys[index], cgroup, kn);
	}
	place->unified = id_of(nodes->unified);
	place->pids = id_of(nodes->pids);
}

static __always_inline struct kernfs_node *above(struct kernfs_node *node)
{
	if (bpf_core_field_exists(node->__parent))
		return BPF_CORE_READ(node, __parent);
	return BPF_CORE_READ((struct kernfs_node___before_6_15 *)node, parent);
}

/* Innermost first, so that the names that decide are there however deep somebody nests cgroups. */
static __always_inline void append_names(struct kernfs_node *node, struct cgroup_event *event, __u32 room)
{
	for (int level = 0; level < LEVELS; level++) {
		struct kernfs_node *parent = above(node);
		__u32 used = event->names_size;
		long written;

		if (!parent)
			return; /* the root has no name */
		if (used > room - NAME)
			break;
		written = bpf_probe_read_kernel_str(event->names + used, NAME, BPF_CORE_READ(node, name));
		if (written <= 0)
			break;
		event->names_size = used + written;
		node = parent;
	}
	event->head.flags |= CGROUP_CUT;
}

static __noinline int tell_place(struct cgroup_nodes *nodes, struct place *place)
{
	struct cgroup_event *event = bpf_ringbuf_reserve(&ring, sizeof(*event) + 2 * NAMES, 0);
	__u32 asked = ASKED;

	if (!event) {
		lose();
		return 0;
	}
	begin(&event->head, EV_CGROUP);
	event->head.place = *place;
	event->names_size = 0;
	append_names(nodes->unified, event, NAMES);
	event->unified_size = event->names_size;
	if (nodes->pids != nodes->unified)
		append_names(nodes->pids, event, 2 * NAMES);
	/* Before user space can answer, and never over its answer: another CPU may have told the place at the same time. */
	bpf_map_update_elem(&places, place, &asked, BPF_NOEXIST);
	bpf_ringbuf_submit(event, 0);
	return 1;
}

/* Fills in the place of a task. False: it is known to be in no container, and nothing need be said of it. The first
 * time that a place is seen it is told before this returns. */
static __always_inline bool is_watched(struct task_struct *task, struct place *place)
{
	struct cgroup_nodes nodes;
	__u32 *verdict;

	find_nodes(task, &nodes, place);
	verdict = bpf_map_lookup_elem(&places, place);
	if (!verdict) {
		/* Where it cannot be told now, the next event tries again, and this one cannot be attributed. */
		return tell_place(&nodes, place);
	}
	return *verdict != HOST;
}

#endif
