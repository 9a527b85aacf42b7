#include "app/commands/step_recorder.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace app {

namespace {

constexpr std::chrono::milliseconds kLook{20}; // the ring holds over half a second of large steps

double ms(std::int64_t time_us) {
    return static_cast<double>(time_us) / 1e3;
}

} // namespace

StepRecorder::StepRecorder(std::shared_ptr<const engine::StepRing> ring) : m_ring(std::move(ring)) {
    if (m_ring == nullptr)
        return;
    std::vector<engine::StepPart> before;
    m_cursor = m_ring->read(0, before);
    m_thread = std::thread([this] { run(); });
}

StepRecorder::~StepRecorder() {
    end();
}

void StepRecorder::end() {
    if (!m_thread.joinable())
        return;
    {
        const std::lock_guard lock(m_mutex);
        m_ends = true;
    }
    m_changed.notify_one();
    m_thread.join();
    read();
}

void StepRecorder::run() {
    std::unique_lock lock(m_mutex);
    while (!m_changed.wait_for(lock, kLook, [&] { return m_ends; }))
        read();
}

/// Parts of one step have one beginning.
void StepRecorder::read() {
    std::vector<engine::StepPart> parts;
    m_cursor = m_ring->read(m_cursor, parts);
    for (const engine::StepPart& part : parts) {
        if (m_steps.empty() || m_steps.back().last.begin_us != part.begin_us)
            m_steps.emplace_back();
        RecordedStep& step = m_steps.back();
        step.last = part;
        step.answers += part.prefill ? 0 : 1;
        step.prompts += part.prefill ? 1 : 0;
        step.promptRows += part.prefill ? part.rows : 0;
    }
}

engine::Status StepRecorder::writeTo(const std::filesystem::path& path) {
    end();
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "w"),
                                                               &std::fclose);
    const auto failed = [&] {
        return engine::Status(engine::Code::FileCannotWrite,
                              {{"file", path.string()}, {"reason", std::strerror(errno)}});
    };
    if (file == nullptr)
        return failed();
    std::fputs(
        "begin_ms,answers,prompts,prompt_rows,took_ms,device_ms,host_ms,ready_ms,waited_ms\n",
        file.get());
    for (const RecordedStep& step : m_steps) {
        const engine::StepPart& times = step.last;
        std::fprintf(file.get(), "%.3f,%u,%u,%u,%.3f,%.3f,%.3f,%.3f,%.3f\n",
                     ms(times.begin_us - m_steps.front().last.begin_us), step.answers, step.prompts,
                     step.promptRows, ms(times.duration_us), ms(times.device_us), ms(times.host_us),
                     ms(times.ready_us), ms(times.waited_us));
    }
    return std::fflush(file.get()) == 0 && std::ferror(file.get()) == 0 ? engine::Status()
                                                                        : failed();
}

} // namespace app
