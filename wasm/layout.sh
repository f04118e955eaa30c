# shellcheck shell=bash disable=SC2034
# The guest's memory, low to high: stack, arena for shared mappings, data, heap. Sourced by wasm32-cc, which links
# programs so, and by abi.sh, which tells the kernel. Bytes, but for first_slot.

stack_size=4194304    # C's own stack, at the bottom
arena_low=8388608     # shared mappings go from here
arena_high=1610612736 # to here, where a program's data begins
max_memory=4294901760 # 64 KiB less than 4 GiB, as no size reaches 2^32
page_size=4096        # what the guest is told is a page
first_slot=64         # of a program's table; lower indexes have meanings for C programs, such as SIG_IGN
