/* Does nothing until it is told to stop, and buries the orphans that fall to it: the first process of every pod (of pods
 * with a shared process namespace, their init) and of every sandbox. Static, so that its image holds nothing else. */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void stop(int signal_number) {
    (void)signal_number;
    _exit(0);
}

static void bury(int signal_number) {
    (void)signal_number;
    while (waitpid(-1, NULL, WNOHANG) > 0) {
    }
}

int main(void) {
    struct sigaction on_child = {.sa_handler = bury, .sa_flags = SA_RESTART | SA_NOCLDSTOP};
    sigaction(SIGCHLD, &on_child, NULL);
    signal(SIGINT, stop);
    signal(SIGTERM, stop);
    bury(SIGCHLD);
    for (;;) {
        pause();
    }
}
