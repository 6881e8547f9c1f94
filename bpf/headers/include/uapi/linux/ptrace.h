/* The registers of x86-64, as a program sees them on its context. */
#pragma once
#include <linux/types.h>
struct pt_regs {
    unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di;
    unsigned long orig_ax, ip, cs, flags, sp, ss;
};
