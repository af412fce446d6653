/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What the kernel sends through the ring; `_bpf_events.py` reads exactly this. Sizes of texts stand before them. */
#ifndef TIDEWAITER_EVENT_H
#define TIDEWAITER_EVENT_H

enum kind { EV_CGROUP = 1, EV_EXEC = 2, EV_FLOW = 3, EV_OUTCOME = 4, EV_ANSWER = 5 };

/* A task's place: the ids of its cgroup in version 2's hierarchy and in the one that the pids controller is in (version
 * 1's, where that is used). Docker on a hybrid host has only the second, a host without version 1 only the first. */
struct place {
	__u64 unified;
	__u64 pids;
};

struct head {
	__u32 kind;
	__u32 flags;
	__u64 boot_ns; /* CLOCK_BOOTTIME */
	struct place place;
};

/* The names of a place's cgroups, innermost first, each ended by a null byte; sent before anything that happens in it. */
enum { CGROUP_CUT = 1 };
struct cgroup_event {
	struct head head;
	__u32 names_size;
	__u32 unified_size; /* of that; the rest are the names in the other hierarchy */
	char names[];
};

enum { EXEC_CUT = 1, EXEC_RUNTIME = 2 };
enum upper { UPPER_UNKNOWN = 0, UPPER_NO = 1, UPPER_YES = 2 };
struct exec_event {
	struct head head;
	struct place parent_place;
	__u32 pid;
	__u32 parent_pid;
	__u32 uid;
	__u32 upper;
	__u16 texts_size;
	__u16 args_size; /* of that */
	__u16 exe_size;
	__u16 parent_exe_size;
	char parent_comm[16];
	/* Then texts: arguments; the path of the file and of the parent's, innermost name first. */
};

/* TRIED: connect() was called, nothing has been sent. OPENED: TCP sends its SYN. SENT: a datagram goes out. */
enum stage { TRIED = 1, OPENED = 2, SENT = 3 };
struct flow_event {
	struct head head;
	__u64 socket;
	__u32 pid;
	__u32 netns;
	__u16 port;
	__u16 exe_size;
	__u8 protocol;
	__u8 stage;
	__u16 spare;
	__u8 to[16]; /* IPv4 as ::ffff:a.b.c.d */
	__u8 from[16];
	char exe[];
};

/* What became of a flow that was TRIED or OPENED. */
enum outcome { OUT_OPENED = 1, OUT_ESTABLISHED = 2, OUT_CLOSED = 3, OUT_SENT = 4 };
struct outcome_event {
	struct head head; /* the place is not filled in */
	__u64 socket;
	__u32 outcome;
	__u32 spare;
	__u8 from[16];
};

struct answer_event {
	struct head head; /* the place is not filled in */
	__u32 netns;
	__u32 size;
	__u8 payload[];
};

#endif
