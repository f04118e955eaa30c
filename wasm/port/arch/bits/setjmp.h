/* clang's setjmp lowering keeps four words of its own here (function
 * invocation, label, and the {env, value} pair that is thrown); the mask of
 * sigsetjmp lives in the fields of jmp_buf that musl has for it. */
typedef unsigned long __jmp_buf[4];
