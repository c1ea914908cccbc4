/* Instruction sets belong to base, since other rooms have kernels too. */
#ifndef CAIRN_SRC_BACKEND_CPU_ISA_H
#define CAIRN_SRC_BACKEND_CPU_ISA_H

#include "base/isa.h"

#endif
