// Runs a command under a seccomp filter that answers the three system calls of io_uring with EPERM,
// as Docker's default profile does, or with ENOSYS, as other sandboxes do:
//
//   under-seccomp EPERM|ENOSYS COMMAND [ARGUMENT ...]
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

int main(int count, char **arguments) {
  if (count < 3) return 125;
  const unsigned error = strcmp(arguments[1], "ENOSYS") == 0 ? ENOSYS : EPERM;
  // io_uring_setup, _enter and _register are 425 to 427 on every architecture but alpha.
  struct sock_filter rules[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 425, 0, 2),
      BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 427, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof(rules) / sizeof(rules[0]), rules};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    perror("under-seccomp");
    return 125;
  }
  execvp(arguments[2], arguments + 2);
  perror(arguments[2]);
  return 127;
}
