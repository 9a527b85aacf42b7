#include "app/commands/interrupt_watch.h"

#include <cerrno>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace app {

InterruptWatch::InterruptWatch(std::initializer_list<int> which) {
    sigset_t set;
    sigemptyset(&set);
    for (const int each : which)
        sigaddset(&set, each);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    m_descriptor = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

InterruptWatch::~InterruptWatch() {
    if (m_descriptor >= 0)
        close(m_descriptor);
}

bool InterruptWatch::pressed() {
    signalfd_siginfo info;
    return m_descriptor >= 0 && read(m_descriptor, &info, sizeof info) == sizeof info;
}

InterruptWatch::Input InterruptWatch::readLine(std::string& line) {
    for (;;) {
        const std::size_t end = m_pending.find('\n');
        if (end != std::string::npos || (m_ended && !m_pending.empty())) {
            line = m_pending.substr(0, end);
            m_pending.erase(0, end == std::string::npos ? end : end + 1);
            return Input::Line;
        }
        if (m_ended)
            return Input::End;
        pollfd watched[2] = {{STDIN_FILENO, POLLIN, 0}, {m_descriptor, POLLIN, 0}};
        if (poll(watched, 2, -1) < 0)
            continue;
        if ((watched[1].revents & POLLIN) != 0 && pressed())
            return Input::Interrupted;
        if (watched[0].revents == 0)
            continue;
        char buffer[4096];
        const ssize_t got = read(STDIN_FILENO, buffer, sizeof buffer);
        if (got > 0)
            m_pending.append(buffer, static_cast<std::size_t>(got));
        else
            m_ended = got == 0 || errno != EINTR;
    }
}

} // namespace app
