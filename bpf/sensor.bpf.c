// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Tells user space what containers do: the processes they start, where they connect to, which names they were told. */
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>
#include <bpf/libbpf_version.h>
#include "event.h"
#include "ring.h"
#include "place.h"
#include "path.h"
#include "exec.h"
#include "flow.h"
#include "answer.h"

#define TEXT(value) #value
#define VALUE(name) TEXT(name)

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The same compiler and the same headers make the same bytes. */
char BUILT[] SEC("built") =
	"clang " __clang_version__ ", libbpf " VALUE(LIBBPF_MAJOR_VERSION) "." VALUE(LIBBPF_MINOR_VERSION);
