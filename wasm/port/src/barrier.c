/* The words that the barriers of guest_barrier.h read and write. */
#include "guest_barrier.h"

int __guest_weak_memory = 1;
int __guest_spare;
