// Run-time choice of instructions: a function marked MMROTATE_CLONES is compiled for several
// generations of x86-64, and the loader takes the widest that the machine has. Arm has one.
//
// Clones round alike: nothing is contracted to fused multiply-adds (see setup.py), sums keep their
// order.
#pragma once

#include <cstdint>  // also tells of glibc, whose loader can choose

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__has_attribute)
#if __has_attribute(target_clones)
#define MMROTATE_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#endif
#endif
#ifndef MMROTATE_CLONES
#define MMROTATE_CLONES
#endif
