#pragma once
// InterruptWatch: Ctrl+C (or another signal) as something to look at instead of something that
// kills. Made before any other thread, so that all of them leave the signals to it.

#include <csignal>
#include <initializer_list>
#include <string>

namespace app {

class InterruptWatch {
  public:
    explicit InterruptWatch(std::initializer_list<int> which = {SIGINT});
    ~InterruptWatch();
    InterruptWatch(const InterruptWatch&) = delete;
    InterruptWatch& operator=(const InterruptWatch&) = delete;

    /// True once for every Ctrl+C since the last look.
    bool pressed();
    /// Readable when a signal came; -1 when there is none to wait for.
    int descriptor() const { return m_descriptor; }

    enum class Input { Line, Interrupted, End };
    /// Waits for a line of standard input (without its end) or for Ctrl+C.
    Input readLine(std::string& line);

  private:
    int m_descriptor = -1; // signalfd
    std::string m_pending; // read, but behind the last line that was given
    bool m_ended = false;
};

} // namespace app
