#include "app/engine_host_sink.h"

namespace app {

void HostWaker::wake() {
    if (m_pending.exchange(true))
        return;
    const std::lock_guard lock(m_mutex);
    if (EngineHost* host = m_host)
        QMetaObject::invokeMethod(
            host, [host] { host->woken(); }, Qt::QueuedConnection);
}

void HostWaker::post(std::function<void()> call) {
    const std::lock_guard lock(m_mutex);
    if (m_host != nullptr)
        QMetaObject::invokeMethod(m_host, std::move(call), Qt::QueuedConnection);
}

void HostWaker::silence() {
    const std::lock_guard lock(m_mutex);
    m_host = nullptr;
}

bool HostSink::push(engine::TokenEvent event) noexcept {
    try {
        return store(std::move(event));
    } catch (const std::bad_alloc&) {
        return false; // the engine ends the request; what is held is kept
    }
}

bool HostSink::store(engine::TokenEvent event) {
    const bool last = event.kind == engine::EventKind::Finished;
    {
        const std::lock_guard lock(m_mutex);
        if (!last && (m_refusing || m_overflowed))
            return false;
        m_changed = true;
        if (event.kind != engine::EventKind::Dropped) // text was left out: the phase goes on
            m_state.phase = event.kind;
        m_state.timings = event.timings;
        m_state.queuePosition = int(event.queuePosition);
        m_state.estimatedWait_us = event.estimatedWait_us;
        (event.reasoning ? m_reasoning : m_text) += event.text;
        if (!event.text.empty())
            m_state.inReasoning = event.reasoning;
        if (last) {
            m_state.finish = event.finish;
            m_state.stopString = QString::fromStdString(event.stopString);
            m_state.status = std::move(event.status);
            if (m_overflowed) {
                m_state.finish = engine::FinishReason::Failed;
                m_state.status = engine::Status(engine::Code::ReplyNotRead);
            }
        }
        m_overflowed =
            m_overflowed || m_reasoning.size() + m_text.size() > EngineHost::kMostHeld_bytes;
    }
    m_waker->wake();
    return !m_overflowed;
}

bool HostSink::take(ReplyUpdate& update) {
    std::string reasoning;
    std::string text;
    {
        const std::lock_guard lock(m_mutex);
        if (!m_changed)
            return false;
        m_changed = false;
        reasoning.swap(m_reasoning);
        text.swap(m_text);
        update = m_state;
    }
    // Decoded outside the lock: the engine never waits for the GUI thread's UTF-16.
    update.reasoning = QString::fromStdString(reasoning);
    update.text = QString::fromStdString(text);
    return true;
}

} // namespace app
