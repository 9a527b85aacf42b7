#include "app/commands/interrupt_watch.h"

#include <csignal>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace app {

InterruptWatch::InterruptWatch() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    m_descriptor = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
}

InterruptWatch::~InterruptWatch() {
    if (m_descriptor >= 0)
        close(m_descriptor);
}

bool InterruptWatch::pressed() {
    signalfd_siginfo info;
    return m_descriptor >= 0 && read(m_descriptor, &info, sizeof info) == sizeof info;
}

bool InterruptWatch::waitForInput() {
    pollfd watched[2] = {{STDIN_FILENO, POLLIN, 0}, {m_descriptor, POLLIN, 0}};
    for (;;) {
        if (poll(watched, 2, -1) < 0)
            continue;
        if ((watched[1].revents & POLLIN) != 0 && pressed())
            return false;
        if (watched[0].revents != 0)
            return true;
    }
}

} // namespace app
