#pragma once
// InterruptWatch: Ctrl+C as something to look at instead of something that kills. Made before any
// other thread, so that all of them leave SIGINT to it.

#include <string>

namespace app {

class InterruptWatch {
  public:
    InterruptWatch();
    ~InterruptWatch();
    InterruptWatch(const InterruptWatch&) = delete;
    InterruptWatch& operator=(const InterruptWatch&) = delete;

    /// True once for every Ctrl+C since the last look.
    bool pressed();

    enum class Input { Line, Interrupted, End };
    /// Waits for a line of standard input (without its end) or for Ctrl+C.
    Input readLine(std::string& line);

  private:
    int m_descriptor = -1; // signalfd
    std::string m_pending; // read, but behind the last line that was given
    bool m_ended = false;
};

} // namespace app
