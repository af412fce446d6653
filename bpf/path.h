/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The path of a file, by walking its dentries: what really runs, whatever name, link or descriptor it was called by. */
#ifndef TIDEWAITER_PATH_H
#define TIDEWAITER_PATH_H

enum { PARTS = 48, PART = 256 };

static __always_inline struct mount *mount_of(struct vfsmount *inside)
{
	return (void *)inside - bpf_core_field_offset(struct mount, mnt);
}

/* Appends the names innermost first, each ended by a null byte, and ends at the root of the mount namespace (not of the
 * process: chroot hides nobody). `out` is filled up to `size`, which grows, and has `room` bytes; what is too long loses
 * its outer names. The size lives in the event and not on the stack: there the verifier would follow every value of it.
 */
static __always_inline void append_path(struct file *file, char *out, __u16 *size, __u32 room)
{
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	struct vfsmount *inside = BPF_CORE_READ(file, f_path.mnt);

	for (int part = 0; part < PARTS; part++) {
		struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
		__u32 used = *size;
		long written;

		if (dentry == BPF_CORE_READ(inside, mnt_root)) {
			struct mount *mount = mount_of(inside);
			struct mount *outer = BPF_CORE_READ(mount, mnt_parent);

			if (outer == mount)
				break;
			dentry = BPF_CORE_READ(mount, mnt_mountpoint);
			inside = (void *)outer + bpf_core_field_offset(struct mount, mnt);
			continue;
		}
		if (used > room - PART)
			break;
		written = bpf_probe_read_kernel_str(out + used, PART, BPF_CORE_READ(dentry, d_name.name));
		if (written <= 0)
			break;
		*size = used + written;
		if (parent == dentry)
			break; /* a file without a folder: memfd */
		dentry = parent;
	}
}

#endif
