/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Processes: every execve that succeeds. */
#ifndef TIDEWAITER_EXEC_H
#define TIDEWAITER_EXEC_H

enum { ARGS = 4096, PATH = 1024 };

struct exec_scratch {
	struct exec_event event;
	char texts[ARGS + 2 * PATH];
};

/* A stack has 512 bytes. One for each CPU is enough: the kernel runs a tracing program on a CPU once at a time. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct exec_scratch);
} scratches SEC(".maps");

/* Whether no layer of an image holds the file: it was written after the container started, or has no name any more. */
static __always_inline __u32 upper_of(struct inode *inode)
{
	unsigned long magic = BPF_CORE_READ(inode, i_sb, s_magic);
	struct dentry *upper = 0;

	if (!BPF_CORE_READ(inode, i_nlink))
		return UPPER_YES; /* a memfd, or deleted while it runs */
	if (magic == TMPFS_MAGIC || magic == RAMFS_MAGIC)
		return UPPER_YES;
	if (magic != OVERLAYFS_MAGIC)
		return UPPER_UNKNOWN;
	if (bpf_core_type_exists(struct ovl_inode)) {
		struct ovl_inode *overlay = (void *)inode - bpf_core_field_offset(struct ovl_inode, vfs_inode);

		upper = BPF_CORE_READ(overlay, __upperdentry);
	} else {
		/* The module's types are not known where it was loaded after this program. Since 4.13 the field follows the
		 * inode. */
		bpf_probe_read_kernel(&upper, sizeof(upper), (void *)inode + bpf_core_type_size(struct inode));
	}
	return upper ? UPPER_YES : UPPER_NO;
}


SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, int old_pid, struct linux_binprm *binary)
{
	__u32 zero = 0, before, size;
	struct exec_scratch *scratch;
	struct exec_event *event;
	struct task_struct *parent;
	struct cgroup_nodes parent_nodes;
	struct place place;
	unsigned long args, args_size;

	if (!is_watched(task, &place))
		return 0;
	scratch = bpf_map_lookup_elem(&scratches, &zero);
	if (!scratch)
		return 0;
	event = &scratch->event;
	begin(&event->head, EV_EXEC);
	event->head.place = place;
	event->pid = BPF_CORE_READ(task, tgid);
	event->uid = (__u32)bpf_get_current_uid_gid();
	event->upper = upper_of(BPF_CORE_READ(binary, file, f_inode));

	args = BPF_CORE_READ(task, mm, arg_start);
	args_size = BPF_CORE_READ(task, mm, arg_end) - args;
	if (args_size > ARGS) {
		args_size = ARGS;
		event->head.flags |= EXEC_CUT;
	}
	if (bpf_probe_read_user(scratch->texts, args_size, (void *)args)) {
		args_size = 0; /* swapped out already */
		event->head.flags |= EXEC_CUT;
	}
	event->texts_size = event->args_size = args_size;
	append_path(BPF_CORE_READ(binary, file), scratch->texts, &event->texts_size, ARGS + PATH);
	event->exe_size = event->texts_size - event->args_size;

	parent = BPF_CORE_READ(task, real_parent);
	event->parent_pid = BPF_CORE_READ(parent, tgid);
	BPF_CORE_READ_STR_INTO(&event->parent_comm, parent, comm);
	find_nodes(parent, &parent_nodes, &event->parent_place);
	/* Who put the task into its cgroup, and has not yet moved it into the container's file system? Maybe a runtime. */
	if ((event->parent_place.unified != place.unified || event->parent_place.pids != place.pids) &&
	    BPF_CORE_READ(task, nsproxy, mnt_ns) == BPF_CORE_READ(parent, nsproxy, mnt_ns)) {
		struct place told = event->parent_place;

		if (!bpf_map_lookup_elem(&places, &told))
			tell_place(&parent_nodes, &told);
		event->head.flags |= EXEC_RUNTIME;
	}
	before = event->texts_size;
	append_path(BPF_CORE_READ(parent, mm, exe_file), scratch->texts, &event->texts_size, sizeof(scratch->texts));
	size = event->texts_size;
	event->parent_exe_size = size - before;
	if (size > sizeof(scratch->texts))
		return 0; /* never, which the verifier cannot know */
	if (bpf_ringbuf_output(&ring, scratch, sizeof(*event) + size, 0))
		lose();
	return 0;
}

#endif
