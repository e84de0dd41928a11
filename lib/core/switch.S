/*
 * switch: leave one stack and continue on another.
 *
 *   void proa__coro_swap(struct coro *from, struct coro *to);
 *
 * Saves on the stack what the ABI calls callee-saved and the control words of floating point, stores
 * the stack pointer as the first member of *from, and takes all of it back from *to. A coro
 * that has not run yet was given a frame by proa__coro_init that continues at proa__coro_entry with the
 * arguments of proa__coro_main in callee-saved registers; there is nothing above it, and the CFI says so.
 *
 * It leaves by a return, though to another place than it was called from. Most often both stand
 * in the same call of the scheduler, so the processor's stack of return addresses predicts well, and
 * stays in step for the returns that follow. A jump is faster in a loop that does nothing else (7 ns
 * against 23 there and back) and slower where it counts (30 ns against 10 from task to task).
 */

#ifndef PROA_CONTEXT_UCONTEXT

#if defined(__x86_64__)

/*
 * The frame, from the saved stack pointer upwards, in words of 8 bytes:
 *   0 mxcsr (4 bytes), x87 control word (2)   1 r15   2 r14   3 r13   4 r12   5 rbx   6 rbp   7 rip
 */
        .text
        .p2align 4
        .globl proa__coro_swap
        .hidden proa__coro_swap
        .type proa__coro_swap, @function
proa__coro_swap:
        .cfi_startproc
        endbr64
        pushq   %rbp
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbp, 0
        pushq   %rbx
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbx, 0
        pushq   %r12
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r12, 0
        pushq   %r13
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r13, 0
        pushq   %r14
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r14, 0
        pushq   %r15
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r15, 0
        subq    $8, %rsp
        .cfi_adjust_cfa_offset 8
        stmxcsr (%rsp)
        fnstcw  4(%rsp)

        movl    (%rsp), %eax
        movzwl  4(%rsp), %ecx
        movq    %rsp, (%rdi)
        movq    (%rsi), %rsp

        xorl    (%rsp), %eax        /* loading them is slow, and they hardly ever differ, */
        testl   $0xffc0, %eax       /* but for the flags of past exceptions, which nobody saves */
        jne     2f
        cmpw    4(%rsp), %cx
        jne     2f
1:      addq    $8, %rsp
        .cfi_adjust_cfa_offset -8
        .cfi_remember_state
        popq    %r15
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r15
        popq    %r14
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r14
        popq    %r13
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r13
        popq    %r12
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r12
        popq    %rbx
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbx
        popq    %rbp
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbp
        ret
2:      .cfi_restore_state
        .cfi_adjust_cfa_offset 8
        ldmxcsr (%rsp)
        fldcw   4(%rsp)
        jmp     1b
        .cfi_endproc
        .size proa__coro_swap, . - proa__coro_swap

        .p2align 4
        .globl proa__coro_entry
        .hidden proa__coro_entry
        .type proa__coro_entry, @function
proa__coro_entry:
        .cfi_startproc
        .cfi_undefined %rip
        .cfi_undefined %rbp
        endbr64
        xorl    %ebp, %ebp
        movq    %rbx, %rdi
        movq    %r12, %rsi
        movq    %r13, %rdx
        call    proa__coro_main
        ud2
        .cfi_endproc
        .size proa__coro_entry, . - proa__coro_entry

/* Fit for indirect branch tracking; not for shadow stacks, which would have to be switched too. */
        .section .note.gnu.property, "a", @note
        .p2align 3
        .long   4, 16, 5
        .asciz  "GNU"
        .long   0xc0000002, 4, 1, 0

#elif defined(__aarch64__)

/*
 * The frame, from the saved stack pointer upwards, in bytes:
 *   0 x29 x30   16 x19 x20   32 x21 x22   48 x23 x24   64 x25 x26   80 x27 x28
 *   96 d8 d9   112 d10 d11   128 d12 d13   144 d14 d15   160 fpcr
 */
#define FRAME 176

        .text
        .p2align 4
        .globl proa__coro_swap
        .hidden proa__coro_swap
        .type proa__coro_swap, %function
proa__coro_swap:
        .cfi_startproc
        hint    #34                 /* bti c */
        stp     x29, x30, [sp, #-FRAME]!
        .cfi_def_cfa_offset FRAME
        .cfi_offset x29, -FRAME
        .cfi_offset x30, -FRAME + 8
        stp     x19, x20, [sp, #16]
        stp     x21, x22, [sp, #32]
        stp     x23, x24, [sp, #48]
        stp     x25, x26, [sp, #64]
        stp     x27, x28, [sp, #80]
        stp     d8, d9, [sp, #96]
        stp     d10, d11, [sp, #112]
        stp     d12, d13, [sp, #128]
        stp     d14, d15, [sp, #144]
        mrs     x9, fpcr
        str     x9, [sp, #160]

        mov     x10, sp
        str     x10, [x0]
        ldr     x10, [x1]
        mov     sp, x10

        ldr     x10, [sp, #160]
        cmp     x9, x10             /* loading it is slow, and it hardly ever differs */
        b.eq    1f
        msr     fpcr, x10
1:      ldp     x19, x20, [sp, #16]
        ldp     x21, x22, [sp, #32]
        ldp     x23, x24, [sp, #48]
        ldp     x25, x26, [sp, #64]
        ldp     x27, x28, [sp, #80]
        ldp     d8, d9, [sp, #96]
        ldp     d10, d11, [sp, #112]
        ldp     d12, d13, [sp, #128]
        ldp     d14, d15, [sp, #144]
        ldp     x29, x30, [sp], #FRAME
        .cfi_def_cfa_offset 0
        .cfi_restore x29
        .cfi_restore x30
        ret
        .cfi_endproc
        .size proa__coro_swap, . - proa__coro_swap

        .p2align 4
        .globl proa__coro_entry
        .hidden proa__coro_entry
        .type proa__coro_entry, %function
proa__coro_entry:
        .cfi_startproc
        .cfi_undefined x30
        .cfi_undefined x29
        hint    #36                 /* bti j */
        mov     x29, xzr
        mov     x30, xzr
        mov     x0, x19
        mov     x1, x20
        mov     x2, x21
        bl      proa__coro_main
        brk     #1
        .cfi_endproc
        .size proa__coro_entry, . - proa__coro_entry

        .section .note.gnu.property, "a", %note
        .p2align 3
        .long   4, 16, 5
        .asciz  "GNU"
        .long   0xc0000000, 4, 1, 0  /* branch target identification */

#endif

#endif /* PROA_CONTEXT_UCONTEXT */

#if defined(__linux__) && defined(__ELF__)
#if defined(__arm__) || defined(__aarch64__)
        .section .note.GNU-stack, "", %progbits
#else
        .section .note.GNU-stack, "", @progbits
#endif
#endif
