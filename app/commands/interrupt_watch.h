#pragma once
// InterruptWatch: Ctrl+C as something to look at instead of something that kills. Made before any
// other thread, so that all of them leave SIGINT to it.

namespace app {

class InterruptWatch {
  public:
    InterruptWatch();
    ~InterruptWatch();
    InterruptWatch(const InterruptWatch&) = delete;
    InterruptWatch& operator=(const InterruptWatch&) = delete;

    /// True once for every Ctrl+C since the last look.
    bool pressed();
    /// Waits until standard input has something to read (true) or Ctrl+C was pressed (false).
    bool waitForInput();

  private:
    int m_descriptor = -1; // signalfd
};

} // namespace app
