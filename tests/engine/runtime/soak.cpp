#include "tests/engine/runtime/soak.h"

#include "engine/runtime/engine.h"
#include "tests/engine/device/tiny_model.h"
#include "tests/support/fake_executor.h"
#include "tests/support/load_and_wait.h"
#include "tests/support/resident_memory.h"

#include <QtTest/QtTest>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

namespace tests {

using namespace engine;

namespace {

constexpr std::uint32_t kTogether = 24; // more than there are slots: some wait
constexpr std::uint32_t kSlots = 8;

int countOf(const char* folder) {
    int count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder))
        ++count;
    return count;
}

struct Tally {
    std::mutex mutex;
    std::condition_variable changed;
    std::uint32_t running = 0;
    std::uint32_t twice = 0;
    std::uint32_t failed = 0;
};

class SoakSink final : public TokenSink {
  public:
    SoakSink(std::shared_ptr<Tally> tally, std::uint32_t takes)
        : m_tally(std::move(tally)), m_takes(takes) {}

    bool push(TokenEvent event) noexcept override {
        if (event.kind != EventKind::Finished)
            return m_takes == 0 || ++m_events < m_takes;
        const std::lock_guard lock(m_tally->mutex);
        if (std::exchange(m_finished, true))
            ++m_tally->twice;
        else
            --m_tally->running;
        m_tally->failed += event.finish == FinishReason::Failed ? 1 : 0;
        m_tally->changed.notify_one();
        return true;
    }

  private:
    std::shared_ptr<Tally> m_tally;
    const std::uint32_t m_takes;
    std::uint32_t m_events = 0;
    bool m_finished = false;
};

OpenedModel tinyModel() {
    OpenedModel model = fakeModel("tiny", 512);
    ModelConfig& config = model.config;
    config.hiddenSize = 32;
    config.intermediateSize = 48;
    config.layerCount = 1;
    config.headCount = 2;
    config.kvHeadCount = 1;
    config.headDim = config.rotaryDim = 16;
    config.tiedEmbeddings = true;
    model.tensors = std::make_shared<TinySource>(config, 3);
    return model;
}

class Soak {
  public:
    SoakResult run(std::uint32_t requests) {
        const auto begin = std::chrono::steady_clock::now();
        m_result.threadsBefore = countOf("/proc/self/task");
        m_result.descriptorsBefore = countOf("/proc/self/fd");
        EngineOptions options;
        options.threads = 1;
        options.open = [](const std::filesystem::path&) -> Result<OpenedModel> {
            return tinyModel();
        };
        m_engine = createEngine(options);
        if (load()) {
            double early_mib = 0;
            const std::uint32_t warm = requests / 4;
            for (std::uint32_t i = 0; i < requests; ++i) {
                ask();
                if (i == warm)
                    early_mib = residentMib();
            }
            waitUntilRunning(0);
            m_result.slope_mib = (residentMib() - early_mib) * 1000 / (requests - warm);
            lookAtPages();
        }
        m_engine.reset();
        // A joined thread may still stand in /proc for a moment.
        for (int i = 0; i < 100 && countOf("/proc/self/task") > m_result.threadsBefore; ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        m_result.threadsAfter = countOf("/proc/self/task");
        m_result.descriptorsAfter = countOf("/proc/self/fd");
        m_result.took_s = seconds(std::chrono::steady_clock::now() - begin);
        return m_result;
    }

  private:
    bool load() {
        LoadRequest request;
        request.path = "tiny";
        request.device = "cpu";
        request.slotCount = kSlots;
        const LoadEvent event = loadAndWait(*m_engine, std::move(request));
        if (event.phase != LoadPhase::Ready)
            m_result.wrong = "the model does not load: " + event.status.sentence();
        return event.phase == LoadPhase::Ready;
    }

    std::uint32_t pick(std::uint32_t below) {
        return static_cast<std::uint32_t>(m_random() % below);
    }

    void ask() {
        waitUntilRunning(kTogether - 1);
        Request request;
        const std::uint32_t length = 1 + (pick(10) == 0 ? pick(300) : pick(40));
        for (std::uint32_t i = 0; i < length; ++i) // every fourth begins like others
            request.promptTokens.push_back(kFakeFirstWord +
                                           static_cast<TokenId>(pick(4) == 0 ? i % 7 : pick(200)));
        request.maxTokens = 1 + pick(12);
        request.ignoreEndOfGeneration = true;
        request.priority = static_cast<Priority>(pick(3));
        request.client = pick(2) == 0 ? "desktop" : "api";
        const bool aborts = pick(10) < 3;
        const bool byItsReader = aborts && pick(2) == 0;
        {
            const std::lock_guard lock(m_tally->mutex);
            ++m_tally->running;
        }
        const auto id = m_engine->submit(
            std::move(request), std::make_shared<SoakSink>(m_tally, byItsReader ? 1 + pick(8) : 0));
        ++m_result.requests;
        m_result.aborted += aborts ? 1 : 0;
        if (!id) {
            m_result.wrong = "refused: " + id.status().sentence();
            const std::lock_guard lock(m_tally->mutex);
            --m_tally->running;
        } else if (aborts && !byItsReader) {
            m_toCancel.push_back(*id);
        }
        // Some at once, some when they have got somewhere.
        while (!m_toCancel.empty() && (m_toCancel.size() > 6 || pick(2) == 0)) {
            const std::size_t at = pick(static_cast<std::uint32_t>(m_toCancel.size()));
            m_engine->cancel(m_toCancel[at]);
            m_toCancel.erase(m_toCancel.begin() + static_cast<std::ptrdiff_t>(at));
        }
    }

    void waitUntilRunning(std::uint32_t atMost) {
        std::unique_lock lock(m_tally->mutex);
        if (!m_tally->changed.wait_for(lock, std::chrono::seconds(60),
                                       [&] { return m_tally->running <= atMost; }))
            m_result.wrong = "a request does not come to its end";
    }

    void lookAtPages() {
        if (m_tally->twice > 0)
            m_result.wrong = "a request has finished twice";
        if (m_tally->failed > 0)
            m_result.wrong = "a request has failed";
        // What the engine publishes comes a moment after the last Finished.
        Snapshot snapshot;
        for (int i = 0; i < 100; ++i) {
            snapshot = m_engine->snapshot();
            if (!snapshot.models.empty() && snapshot.models.front().pagesUsed == 0 &&
                snapshot.requestsFinished == m_result.requests)
                break;
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        if (snapshot.models.empty() || snapshot.models.front().pagesUsed != 0)
            m_result.wrong = "pages are still in use";
        for (const std::uint32_t waiting : snapshot.admission.waiting)
            if (waiting != 0)
                m_result.wrong = "admission counts somebody who is not there";
        if (snapshot.requestsFinished != m_result.requests)
            m_result.wrong = "not every request was counted";
    }

    std::mt19937 m_random{5};
    SoakResult m_result;
    std::shared_ptr<Tally> m_tally = std::make_shared<Tally>();
    std::unique_ptr<Engine> m_engine;
    std::vector<RequestId> m_toCancel;
};

} // namespace

SoakResult soak(std::uint32_t requests) {
    return Soak().run(requests);
}

void verifySoak(std::uint32_t requests) {
    const SoakResult result = soak(requests);
    qInfo("%u requests, %u aborted, in %.1f s: %.3f MiB per 1,000, threads %d -> %d, "
          "descriptors %d -> %d",
          result.requests, result.aborted, result.took_s, result.slope_mib, result.threadsBefore,
          result.threadsAfter, result.descriptorsBefore, result.descriptorsAfter);
    QVERIFY2(result.wrong.empty(), result.wrong.c_str());
    QVERIFY(result.aborted * 4 > result.requests);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) // they keep what is freed
    QVERIFY(result.slope_mib <= 1);
#endif
    QCOMPARE(result.threadsAfter, result.threadsBefore);
    QCOMPARE(result.descriptorsAfter, result.descriptorsBefore);
}

} // namespace tests
