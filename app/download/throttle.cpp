#include "app/download/throttle.h"

#include <algorithm>

namespace app {

void Throttle::setLimit(qint64 bytes_per_s) {
    m_limit = std::max<qint64>(bytes_per_s, 0);
    m_allowance = 0;
    m_clock.restart();
}

qint64 Throttle::take(qint64 wanted) {
    if (m_limit == 0)
        return wanted;
    // At most a quarter of a second is saved up, so that a pause is no excuse for a burst.
    const double earned = double(m_limit) * double(m_clock.nsecsElapsed()) / 1e9;
    m_clock.restart();
    m_allowance = std::min(m_allowance + earned, double(m_limit) / 4 + 1);
    const qint64 granted = std::min(wanted, qint64(m_allowance));
    m_allowance -= double(granted);
    return granted;
}

} // namespace app
