#include "app/commands/step_recorder.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iomanip>
#include <locale>

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
    const std::uint64_t from = m_cursor;
    m_cursor = m_ring->read(m_cursor, parts);
    m_lost += m_cursor - from - parts.size();
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

std::uint64_t StepRecorder::lostParts() {
    end();
    return m_lost;
}

engine::Status StepRecorder::writeTo(const std::filesystem::path& path) {
    end();
    errno = 0;
    std::ofstream file(path);
    file.imbue(std::locale::classic()); // a program's locale may write 0,5
    file << "begin_ms,answers,prompts,prompt_rows,took_ms,device_ms,host_ms,ready_ms,waited_ms\n"
         << std::fixed << std::setprecision(3);
    for (const RecordedStep& step : m_steps) {
        const engine::StepPart& times = step.last;
        file << ms(times.begin_us - m_steps.front().last.begin_us) << ',' << step.answers << ','
             << step.prompts << ',' << step.promptRows;
        for (const std::int64_t time_us :
             {std::int64_t{times.duration_us}, std::int64_t{times.device_us},
              std::int64_t{times.host_us}, std::int64_t{times.ready_us},
              std::int64_t{times.waited_us}})
            file << ',' << ms(time_us);
        file << '\n';
    }
    file.close();
    if (file)
        return {};
    const std::string reason = errno != 0 ? std::strerror(errno) : "it could not be written whole";
    return engine::Status(engine::Code::FileCannotWrite,
                          {{"file", path.string()}, {"reason", reason}});
}

} // namespace app
