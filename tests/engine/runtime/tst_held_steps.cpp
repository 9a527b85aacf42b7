// Steps that the engine's thread holds until just before the device is done, on a clock that the
// device moves: what is handed over when, whom it takes along, and what the hold learns from that.
#include "tests/engine/runtime/engine_bed.h"
#include "tests/support/suite_registry.h"

#include <algorithm>
#include <deque>
#include <QtTest/QtTest>

using namespace engine;
using namespace std::chrono_literals;
using tests::FakeExecutorScript;
using tests::RecordingSink;
using tests::words;

namespace {

constexpr std::uint32_t kAnswers = 5;    // more than hold a step
constexpr std::uint32_t kTokens = 20;    // of each: 200 ms, while somebody may still come
constexpr Clock::duration kLook = 200us; // as long as the thread sleeps between two
constexpr Clock::duration kStep = 10ms;
constexpr Clock::duration kEarliest = 2500us; // before the device is done, once that is learned

/// Moved by a device, and a little by whoever asks it.
class SharedClock {
  public:
    Clock::duration now() const { return Clock::duration(m_now.load()); }
    void advance(Clock::duration duration) { m_now += duration.count(); }
    void advanceTo(Clock::duration time) {
        if (time > now())
            advance(time - now());
    }
    /// To ask takes a moment, so that nobody waits for ever who only looks at the clock.
    TimeSource source() {
        return [this] {
            advance(5us);
            return TimePoint(1h) + now();
        };
    }

  private:
    std::atomic<Clock::rep> m_now{0};
};

/// Computes steps one behind the other. Time passes while somebody looks whether it is done, and
/// while somebody waits for it. Engine thread only.
class SteppedDevice {
  public:
    struct Submitted {
        Clock::duration left{}; // of the step ahead; below 0: the device had run dry
        std::size_t rows = 0;
        std::size_t rowsAhead = 0; // of the step ahead; 0: there was none
    };

    SteppedDevice(SharedClock& clock, std::shared_ptr<FakeExecutorScript> script)
        : m_clock(clock), m_script(std::move(script)) {
        m_script->runsAhead = true;
        m_script->loadTensors = 0;
        m_script->onSubmit = [this](const Batch& batch) { submit(batch.rows.size()); };
        m_script->isDone = [this] { return look(); };
        m_script->onCollect = [this] { m_clock.advanceTo(m_flights.front().end); };
        m_script->onTimings = [this](StepTimings& timings) {
            timings = m_flights.front().timings;
            m_flights.pop_front();
        };
    }

    Clock::duration remaining() const { return m_freeAt - m_clock.now(); }
    const std::vector<Submitted>& steps() const { return m_steps; }
    /// Of steps behind one of answers alone, when it is known how long such a step takes.
    std::vector<Clock::duration> leftBehindAnswers() const {
        std::vector<Clock::duration> left;
        for (const Submitted& step : m_steps)
            if (step.rowsAhead == kAnswers)
                left.push_back(step.left);
        left.erase(left.begin(), left.begin() + std::min<std::ptrdiff_t>(2, std::ssize(left)));
        return left;
    }

    std::function<Clock::duration(std::size_t step)> duration = [](std::size_t) { return kStep; };
    std::function<void()> onLook = [] {};
    std::function<void()> onFirst = [] {}; // step, before it is computed
    Clock::duration saysIdle{};            // before every step, more than it was

  private:
    struct Flight {
        Clock::duration end{};
        std::size_t rows = 0;
        StepTimings timings;
    };

    void submit(std::size_t rows) {
        if (m_steps.empty())
            onFirst();
        const Clock::duration now = m_clock.now();
        m_steps.push_back({m_freeAt - now, rows, m_flights.empty() ? 0 : m_flights.back().rows});
        const Clock::duration took = duration(m_steps.size());
        const Clock::duration idle = std::max(now - m_freeAt, Clock::duration()) + saysIdle;
        m_freeAt = std::max(now, m_freeAt) + took;
        Flight flight{m_freeAt, rows, {}};
        flight.timings.device_ns = std::chrono::nanoseconds(took).count();
        flight.timings.idle_ns = std::chrono::nanoseconds(idle).count();
        m_flights.push_back(flight);
    }
    bool look() {
        m_clock.advance(kLook);
        onLook();
        return m_flights.empty() || m_flights.front().end <= m_clock.now();
    }

    SharedClock& m_clock;
    std::shared_ptr<FakeExecutorScript> m_script;
    std::vector<Submitted> m_steps;
    std::deque<Flight> m_flights;
    Clock::duration m_freeAt{};
};

/// An engine over such devices, with a model on each. Answers are asked for before the first step
/// is computed, so that all runs are alike.
class HoldBed {
    SharedClock m_clock; // destroyed last: engine and devices use it
    std::promise<void> m_asked;
    std::vector<ModelKey> m_models;

  public:
    explicit HoldBed(std::size_t models = 1) {
        std::map<std::string, std::shared_ptr<FakeExecutorScript>> scripts;
        for (std::size_t i = 0; i < models; ++i) {
            auto script = std::make_shared<FakeExecutorScript>();
            script->deviceName = "CUDA " + std::to_string(i) + " · fake";
            devices.push_back(std::make_unique<SteppedDevice>(m_clock, script));
            scripts["cuda:" + std::to_string(i)] = std::move(script);
        }
        devices.front()->onFirst = [this] { m_asked.get_future().wait(); };
        EngineParts parts = tests::fakeParts(std::move(scripts));
        parts.options.residentOnGpu = static_cast<std::uint32_t>(models);
        engine =
            std::make_unique<EngineImpl>(std::move(parts), AdmissionSettings(), m_clock.source());
        for (std::size_t i = 0; i < models; ++i)
            load("model" + std::to_string(i), "cuda:" + std::to_string(i));
    }

    std::shared_ptr<RecordingSink> ask(const std::string& prompt, std::size_t model = 0) {
        Request request;
        request.rawPrompt = prompt;
        request.model = m_models[model];
        request.maxTokens = kTokens;
        request.ignoreEndOfGeneration = true;
        auto sink = std::make_shared<RecordingSink>();
        return engine->submit(std::move(request), sink).ok() ? sink : nullptr;
    }
    /// False when one of the answers fails. The engine is gone behind it: what the devices saw
    /// stands still.
    bool answerAll() {
        std::vector<std::shared_ptr<RecordingSink>> sinks;
        for (std::size_t model = 0; model < m_models.size(); ++model)
            for (std::uint32_t i = 0; i < kAnswers; ++i)
                sinks.push_back(ask(words(3, static_cast<int>(i)), model));
        m_asked.set_value();
        const bool answered = std::all_of(sinks.begin(), sinks.end(), [](const auto& sink) {
            return sink != nullptr && sink->waitForFinish() &&
                   sink->finished().finish == FinishReason::MaxTokens;
        });
        engine.reset();
        return answered;
    }

    /// The engine's thread wakes up so much later.
    void oversleep(Clock::duration duration) { m_clock.advance(duration); }

    std::vector<std::unique_ptr<SteppedDevice>> devices;
    std::unique_ptr<EngineImpl> engine;

  private:
    void load(const std::string& name, const std::string& device) {
        LoadRequest request;
        request.path = name;
        request.device = device;
        request.slotCount = kAnswers + 1;
        m_models.push_back(tests::loadAndWait(*engine, std::move(request)).model->key);
    }
};

Clock::duration most(const std::vector<Clock::duration>& durations) {
    return *std::max_element(durations.begin(), durations.end());
}
Clock::duration least(const std::vector<Clock::duration>& durations) {
    return *std::min_element(durations.begin(), durations.end());
}

} // namespace

class TstHeldSteps : public QObject {
    Q_OBJECT

  private slots:
    /// Neither at once nor too late.
    void areHandedOverJustBeforeTheDeviceIsDone() {
        HoldBed bed;
        QVERIFY(bed.answerAll());
        const auto left = bed.devices[0]->leftBehindAnswers();
        QVERIFY(left.size() > kTokens / 2);
        QVERIFY(most(left) < kEarliest);
        QVERIFY(least(left) > Clock::duration());
    }

    /// Who comes while a step is held is in it.
    void takeAlongWhoComesMeanwhile() {
        HoldBed bed;
        SteppedDevice& device = *bed.devices[0];
        std::size_t held = 0; // the step that was held when somebody came
        std::shared_ptr<RecordingSink> guest;
        device.onLook = [&] {
            if (held > 0 || device.steps().size() < 10 || device.remaining() > kStep / 2)
                return;
            held = device.steps().size();
            guest = bed.ask(words(12, 7));
        };
        QVERIFY(bed.answerAll());
        QVERIFY(guest != nullptr);
        QVERIFY(device.steps().size() > held);
        QCOMPARE(device.steps()[held - 1].rows, std::size_t(kAnswers));
        QVERIFY2(device.steps()[held].rows > kAnswers, "the guest waits for one step more");
        QVERIFY(device.steps()[held].left > Clock::duration());
    }

    /// A step that is much shorter than all before it: the next one comes as soon as somebody
    /// looks.
    void doNotKeepADeviceWaitingThatIsDoneEarly() {
        HoldBed bed;
        SteppedDevice& device = *bed.devices[0];
        constexpr std::size_t kShort = 12;
        device.duration = [](std::size_t step) { return step == kShort ? kStep / 4 : kStep; };
        QVERIFY(bed.answerAll());
        const Clock::duration left = device.steps()[kShort].left;
        QVERIFY(left <= Clock::duration());
        QVERIFY2(left >= -3 * kLook, "a device that is done waits for a step that is held");
    }

    /// A thread that woke up late: the device had run dry, and the next steps come earlier.
    void comeEarlierAfterALateLook() {
        HoldBed bed;
        SteppedDevice& device = *bed.devices[0];
        constexpr std::size_t kLate = 10;
        std::size_t late = kLate; // the step that is computed meanwhile
        device.onLook = [&] {
            if (late == kLate + 3 || device.steps().size() != late ||
                device.remaining() > 2 * kStep / 5)
                return;
            ++late;
            bed.oversleep(kStep / 2);
        };
        QVERIFY(bed.answerAll());
        const std::vector<SteppedDevice::Submitted>& steps = device.steps();
        for (std::size_t step = kLate; step < kLate + 3; ++step)
            QVERIFY(steps[step].left < Clock::duration());
        const Clock::duration earlier = steps[kLate + 4].left - steps[kLate - 1].left;
        QVERIFY2(earlier > 300us, qPrintable(QString::number(microseconds(earlier))));
    }

    /// A device that says it was idle, but had not run out of work, copied what the step needs.
    /// Were that late, every step would come earlier than the one before, and soon at once.
    void stayWhereTheDeviceOnlySaysItWasIdle() {
        HoldBed bed;
        bed.devices[0]->saysIdle = 200us;
        QVERIFY(bed.answerAll());
        const auto left = bed.devices[0]->leftBehindAnswers();
        QVERIFY(left.size() > kTokens / 2);
        QVERIFY(least(left) > Clock::duration());
        QVERIFY(left.back() <= left.front() + kLook);
    }

    /// Of two models that both answer, none waits for the other one's device: one of the two
    /// devices is always given its next step early.
    void areNotHeldBesideAnotherModel() {
        HoldBed bed(2);
        QVERIFY(bed.answerAll());
        const auto first = bed.devices[0]->leftBehindAnswers();
        const auto second = bed.devices[1]->leftBehindAnswers();
        const std::size_t count = std::min(first.size(), second.size());
        QVERIFY(count > kTokens / 2);
        for (std::size_t i = 0; i < count; ++i)
            QVERIFY(first[i] + second[i] > kStep / 2);
    }
};

INGLENOOK_SUITE(held_steps, TstHeldSteps)
#include "tst_held_steps.moc"
