/* One source, two languages: OpenCL C 1.2 or newer, and CUDA C++ as NVRTC compiles it.
 *
 * Build options: REAL (float or double) and REAL_DOUBLE (0 or 1); FP64 (whether the device computes
 * in double); WG (work-items per group, a power of two; 1 on CPU and FPGA); SPAN (rows that a group
 * owns at a time); TILE (columns per tile); FLOAT_ATOMICS (OpenCL: cl_ext_float_atomics is there).
 */
#ifndef HETENGINE_PORT_H
#define HETENGINE_PORT_H

#if defined(__OPENCL_C_VERSION__) || defined(__OPENCL_VERSION__)
  #if FP64
    #pragma OPENCL EXTENSION cl_khr_fp64 : enable
  #endif
  #define KERNEL __kernel __attribute__((reqd_work_group_size(WG, 1, 1)))
  #define DEVICE static inline
  #define GLOBAL __global
  #define SHARED __local
  #define SHARED_POINTER __local
  #define ALIGNED __attribute__((aligned(16)))
  #define RESTRICT restrict
  #define LOCAL_ID ((int)get_local_id(0))
  #define GROUP_ID ((int)get_group_id(0))
  #define NUM_GROUPS ((int)get_num_groups(0))
  #define BARRIER() barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE)
  #define LOAD_FRESH(pointer) (*(pointer))
  #define INDEX long
  #define SEED ulong
  #define UINT uint
  #define BYTE uchar
#else
  #define KERNEL extern "C" __global__ __launch_bounds__(WG)
  #define DEVICE static __device__ __forceinline__
  #define GLOBAL
  #define SHARED __shared__
  #define SHARED_POINTER
  #define ALIGNED __align__(16)
  #define RESTRICT __restrict__
  #define LOCAL_ID ((int)threadIdx.x)
  #define GROUP_ID ((int)blockIdx.x)
  #define NUM_GROUPS ((int)gridDim.x)
  #define BARRIER() __syncthreads()
  /* Other blocks add to what is read: go past L1, which is not coherent with their atomics. */
  #define LOAD_FRESH(pointer) __ldcg(pointer)
  #define INDEX long long
  #define SEED unsigned long long
  #define UINT unsigned int
  #define BYTE unsigned char
#endif

/* Scalars of one coordinate: double wherever the device has it. */
#if FP64
  #define SCALAR double
  #define TINY 1e-300
  #define NEWTON_TOLERANCE 1e-12
#else
  #define SCALAR float
  #define TINY 1e-37f
  #define NEWTON_TOLERANCE 1e-6f
#endif

/* Add to a number that other groups add to as well. */
#if defined(__OPENCL_C_VERSION__) || defined(__OPENCL_VERSION__)
  #if REAL_DOUBLE
    #define REAL_BITS ulong
    #define AS_BITS as_ulong
    #define AS_REAL as_double
    #define SWAP_BITS atom_cmpxchg
    #pragma OPENCL EXTENSION cl_khr_int64_base_atomics : enable
  #else
    #define REAL_BITS uint
    #define AS_BITS as_uint
    #define AS_REAL as_float
    #define SWAP_BITS atomic_cmpxchg
  #endif
  #if defined(FLOAT_ATOMICS) && !REAL_DOUBLE
    #pragma OPENCL EXTENSION cl_ext_float_atomics : enable
DEVICE void shared_add(volatile GLOBAL REAL *target, REAL value)
{
  atomic_fetch_add_explicit(
      (volatile GLOBAL atomic_float *)target, value, memory_order_relaxed, memory_scope_device);
}
  #elif !REAL_DOUBLE || defined(cl_khr_int64_base_atomics)
DEVICE void shared_add(volatile GLOBAL REAL *target, REAL value)
{
  volatile GLOBAL REAL_BITS *bits = (volatile GLOBAL REAL_BITS *)target;
  REAL_BITS seen = *bits, expected;
  do {
    expected = seen;
    seen = SWAP_BITS(bits, expected, AS_BITS(AS_REAL(expected) + value));
  } while (seen != expected);
}
  #else
    /* No 64-bit atomics: the host launches such kernels with one group, which never comes here. */
DEVICE void shared_add(volatile GLOBAL REAL *target, REAL value)
{
  *target += value;
}
  #endif
#else
DEVICE void shared_add(REAL *target, REAL value)
{
  atomicAdd(target, value);
}
#endif

/* Sum over the work-items of a group, handed to every one of them; `lanes` holds WG numbers. */
DEVICE REAL group_sum(REAL value, SHARED_POINTER REAL *lanes)
{
#if WG > 1
  lanes[LOCAL_ID] = value;
  BARRIER();
  for (int width = WG / 2; width > 0; width >>= 1) {
    if (LOCAL_ID < width) lanes[LOCAL_ID] += lanes[LOCAL_ID + width];
    BARRIER();
  }
  value = lanes[0];
  BARRIER();
#endif
  return value;
}

#endif
