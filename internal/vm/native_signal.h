/* Traps of native code, which are signals (native_signal.c). */
#ifndef NATIVE_SIGNAL_H
#define NATIVE_SIGNAL_H

/* vm_catch_traps installs the handlers, once in a program. 0 or an errno. */
int vm_catch_traps(void);

/* vm_leave_guest ends the call into the guest on this thread (vm_instance.native.jump). */
_Noreturn void vm_leave_guest(void);

#endif /* NATIVE_SIGNAL_H */
