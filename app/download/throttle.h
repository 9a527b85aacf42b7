#pragma once
// Throttle: how many bytes may be read now, so that all transfers together stay below a speed.
// Monotonic time. One thread.

#include <QElapsedTimer>

namespace app {

class Throttle {
  public:
    Throttle() { m_clock.start(); }

    /// 0: as fast as it comes.
    void setLimit(qint64 bytes_per_s);
    /// Takes up to `wanted` bytes of the allowance; 0: come back in kPause_ms.
    qint64 take(qint64 wanted);

    static constexpr int kPause_ms = 20;

  private:
    qint64 m_limit = 0; // bytes per second
    double m_allowance = 0;
    QElapsedTimer m_clock;
};

} // namespace app
