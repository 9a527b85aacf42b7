// A model whole on each of several devices: every answer is the one its prompt gives, whichever
// device computes it and whatever becomes of the others.
#include "engine/device/make_executor.h"
#include "tests/engine/runtime/engine_bed.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>
#include <random>

using namespace engine;
using namespace std::chrono_literals;
using tests::FakeExecutorScript;
using tests::RecordingSink;
using tests::words;

namespace {

/// An engine over as many fake devices, "cuda:0,1 ...", each with a script of its own.
struct ReplicaBed {
    explicit ReplicaBed(int devices, std::uint32_t modelContext = 256) {
        std::map<std::string, std::shared_ptr<FakeExecutorScript>> all;
        for (int i = 0; i < devices; ++i) {
            auto script = std::make_shared<FakeExecutorScript>();
            script->deviceName = "CUDA " + std::to_string(i) + " · fake";
            script->runsAhead = true;
            script->loadTensors = 1;
            all["cuda:" + std::to_string(i)] = script;
            scripts.push_back(std::move(script));
            names += (i == 0 ? "cuda:" : ",") + std::to_string(i);
        }
        engine = std::make_unique<EngineImpl>(tests::fakeParts(std::move(all), modelContext));
    }

    LoadEvent load(std::uint32_t slotCount, std::uint32_t kvTokens = 0) {
        LoadRequest request;
        request.path = "one";
        request.device = names;
        request.split = SplitMode::Replicas;
        request.slotCount = slotCount;
        request.kvTokens = kvTokens;
        const LoadEvent event = tests::loadAndWait(*engine, std::move(request));
        model = event.model;
        return event;
    }

    std::shared_ptr<RecordingSink> ask(const std::string& prompt, std::uint32_t maxTokens,
                                       Priority priority = Priority::P0,
                                       const char* client = "desktop") const {
        Request request;
        request.rawPrompt.emplace(prompt);
        request.maxTokens = maxTokens;
        request.ignoreEndOfGeneration = true;
        request.priority = priority;
        request.client = client;
        auto sink = std::make_shared<RecordingSink>();
        return engine->submit(std::move(request), sink).ok() ? sink : nullptr;
    }
    QString expected(const std::string& prompt, std::uint32_t limit) const {
        const auto tokens =
            model->tokenizer->encode(prompt, {.addBos = true, .parseSpecial = true});
        std::string text;
        for (const TokenId token : tests::expectedTokens(tokens, limit, true))
            text += model->tokenizer->tokenBytes(token);
        return QString::fromStdString(text);
    }
    static QString textOf(const RecordingSink& sink) {
        return QString::fromStdString(sink.text(false));
    }
    ModelSnapshot resident() const {
        const Snapshot snapshot = engine->snapshot();
        return snapshot.models.empty() ? ModelSnapshot{} : snapshot.models.front();
    }
    bool isSound() const {
        return std::none_of(scripts.begin(), scripts.end(),
                            [](const auto& script) { return script->broken.load(); });
    }

    std::vector<std::shared_ptr<FakeExecutorScript>> scripts;
    std::string names;
    std::unique_ptr<EngineImpl> engine;
    std::shared_ptr<const ModelInfo> model;
};

} // namespace

class TstReplicas : public QObject {
    Q_OBJECT

  private slots:
    void devicesAreNamedOneByOne() {
        using Names = std::vector<std::string>;
        QCOMPARE(replicaDevices("cuda:0,2,1", SplitMode::Replicas),
                 Names({"cuda:0", "cuda:2", "cuda:1"}));
        QCOMPARE(replicaDevices("cuda:0,2", SplitMode::Tensor), Names({"cuda:0,2"}));
        QCOMPARE(replicaDevices("cuda:3", SplitMode::Replicas), Names({"cuda:3"}));
        QCOMPARE(replicaDevices("cpu", SplitMode::Replicas), Names({"cpu"}));
    }

    void answersAreDealt_data() {
        QTest::addColumn<int>("devices");
        for (const int devices : {2, 3, 4})
            QTest::addRow("%d devices", devices) << devices;
    }
    void answersAreDealt() {
        QFETCH(int, devices);
        ReplicaBed bed(devices);
        QCOMPARE(bed.load(std::uint32_t(3 * devices)).phase, LoadPhase::Ready);
        QCOMPARE(bed.model->slotCount, std::uint32_t(3 * devices));
        QCOMPARE(bed.model->memory.devices.size(), std::size_t(devices));
        QVERIFY(QString::fromStdString(bed.model->device)
                    .startsWith(devices == 2 ? "CUDA 0+1 · 2 x fake" : "CUDA 0+1+2"));
        std::mt19937 random(3);
        struct Asked {
            std::string prompt;
            std::uint32_t limit;
            std::shared_ptr<RecordingSink> sink;
        };
        std::vector<Asked> all;
        for (int i = 0; i < 120; ++i) {
            Asked asked{words(1 + int(random() % 90), int(random() % 200)),
                        1 + std::uint32_t(random() % 60), nullptr};
            asked.sink = bed.ask(asked.prompt, asked.limit, Priority(random() % 3));
            QVERIFY(asked.sink != nullptr);
            all.push_back(std::move(asked));
        }
        for (const Asked& asked : all) {
            QVERIFY(asked.sink->waitForFinish());
            QCOMPARE(ReplicaBed::textOf(*asked.sink), bed.expected(asked.prompt, asked.limit));
            QCOMPARE(asked.sink->finishCount(), 1);
        }
        std::uint32_t most = 0;
        std::uint32_t least = UINT32_MAX;
        for (const auto& script : bed.scripts) {
            most = std::max(most, script->rows.load());
            least = std::min(least, script->rows.load());
        }
        QVERIFY2(least * 2 > most, qPrintable(QStringLiteral("%1 of %2").arg(least).arg(most)));
        QTRY_COMPARE(bed.resident().pagesUsed, 0U);
        QCOMPARE(bed.resident().replicas, std::uint32_t(devices));
        QVERIFY(bed.isSound());
    }

    /// A device that takes ten times as long for a step holds up its own requests alone.
    void noneWaitsForAnother() {
        ReplicaBed bed(2);
        bed.scripts[0]->device_us = 10'000;
        bed.scripts[1]->device_us = 1'000;
        QCOMPARE(bed.load(2).phase, LoadPhase::Ready);
        const auto slow = bed.ask(words(5, 1), 40);
        const auto fast = bed.ask(words(5, 2), 40);
        QVERIFY(fast->waitForFinish());
        QCOMPARE(slow->finishCount(), 0);
        QVERIFY(bed.scripts[0]->steps < 25U);
        QVERIFY(slow->waitForFinish());
        QCOMPARE(ReplicaBed::textOf(*slow), bed.expected(words(5, 1), 40));
        QCOMPARE(ReplicaBed::textOf(*fast), bed.expected(words(5, 2), 40));
    }

    void knownBeginningsGoWhereTheyAreKnown() {
        ReplicaBed bed(2, 2048);
        QCOMPARE(bed.load(8).phase, LoadPhase::Ready);
        const std::string text = words(400, 1);
        QVERIFY(bed.ask(text, 4)->waitForFinish());
        const std::uint32_t computed = bed.scripts[0]->rows;
        bed.scripts[0]->device_us = 2'000;
        const auto busy = bed.ask(words(3, 9), 200);
        QVERIFY(busy->waitForEvents(5));
        const auto again = bed.ask(text + words(5, 7), 4);
        QVERIFY(again->waitForFinish());
        QVERIFY(again->finished().timings.cachedTokens > 300U);
        QCOMPARE(bed.scripts[1]->rows.load(), 0U);
        // Another text goes where nothing runs; so does a short known one.
        QVERIFY(bed.ask(words(50, 3), 4)->waitForFinish());
        QVERIFY(bed.scripts[1]->rows > 50U);
        QVERIFY(busy->waitForFinish());
        QVERIFY(computed > 400U && bed.isSound());
    }

    /// Who was dealt to a device that stays full goes to one that has become free.
    void waitersMove() {
        ReplicaBed bed(2);
        bed.scripts[0]->device_us = 5'000;
        QCOMPARE(bed.load(2).phase, LoadPhase::Ready);
        const auto longest = bed.ask(words(3, 1), 200);
        std::vector<std::shared_ptr<RecordingSink>> others;
        for (int i = 0; i < 6; ++i)
            others.push_back(bed.ask(words(3, 10 + i), 5));
        for (int i = 0; i < 6; ++i) {
            QVERIFY(others[std::size_t(i)]->waitForFinish());
            QCOMPARE(ReplicaBed::textOf(*others[std::size_t(i)]),
                     bed.expected(words(3, 10 + i), 5));
        }
        QCOMPARE(longest->finishCount(), 0);
        longest->setDelay(0us);
        bed.scripts[0]->device_us = 0;
        QVERIFY(longest->waitForFinish());
        QCOMPARE(ReplicaBed::textOf(*longest), bed.expected(words(3, 1), 200));
        QVERIFY(bed.isSound());
    }

    void aDeadDeviceLeavesItsRequests_data() {
        QTest::addColumn<int>("devices");
        QTest::addColumn<int>("step"); // at which device 0 dies
        for (const int devices : {2, 4})
            for (const int step : {1, 2, 7, 30})
                QTest::addRow("%d devices, step %d", devices, step) << devices << step;
    }
    /// Running and waiting ones go on elsewhere, not a token lost; when the last device dies, they
    /// fail and the model is gone.
    void aDeadDeviceLeavesItsRequests() {
        QFETCH(int, devices);
        QFETCH(int, step);
        ReplicaBed bed(devices);
        for (const auto& script : bed.scripts) {
            script->dieAtFault = true;
            script->device_us = 500;
        }
        QCOMPARE(bed.load(std::uint32_t(2 * devices)).phase, LoadPhase::Ready);
        bed.scripts[0]->failAtStep = bed.scripts[0]->steps + std::uint32_t(step);
        std::vector<std::shared_ptr<RecordingSink>> sinks;
        for (int i = 0; i < 6 * devices; ++i)
            sinks.push_back(bed.ask(words(4 + i, i), 30, Priority(i % 3)));
        for (int i = 0; i < 6 * devices; ++i) {
            const RecordingSink& sink = *sinks[std::size_t(i)];
            QVERIFY(sink.waitForFinish());
            QCOMPARE(sink.finished().finish, FinishReason::MaxTokens);
            QCOMPARE(ReplicaBed::textOf(sink), bed.expected(words(4 + i, i), 30));
            QCOMPARE(sink.finished().timings.generatedTokens, 30U);
        }
        QTRY_COMPARE(bed.resident().replicas, std::uint32_t(devices - 1));
        QCOMPARE(bed.resident().lost.size(), std::size_t(1));
        QCOMPARE(bed.resident().lost.front().code(), Code::DeviceLost);
        QCOMPARE(bed.scripts[0]->alive.load(), 0); // its memory is given back
        QCOMPARE(bed.engine->snapshot().requestsFailed, std::uint64_t(0));
        QTRY_COMPARE(bed.resident().pagesUsed, 0U);

        for (const auto& script : bed.scripts)
            script->failAtStep = script->steps + 5U;
        sinks.clear();
        for (int i = 0; i < 2 * devices; ++i)
            sinks.push_back(bed.ask(words(4, i), 100));
        for (const auto& sink : sinks) {
            QVERIFY(sink->waitForFinish());
            QCOMPARE(sink->finished().finish, FinishReason::Failed);
            QCOMPARE(sink->finished().status.code(), Code::DeviceLost);
        }
        QTRY_VERIFY(bed.engine->models().empty());
        QVERIFY(bed.isSound());
    }

    void deviceThatDiesAtJoiningLosesNobody() {
        ReplicaBed bed(2);
        QCOMPARE(bed.load(4).phase, LoadPhase::Ready);
        bed.scripts[0]->dieAtFault = true;
        bed.scripts[0]->dieAtSlot = true;
        std::vector<std::shared_ptr<RecordingSink>> sinks;
        for (int i = 0; i < 6; ++i)
            sinks.push_back(bed.ask(words(4, i), 20));
        for (int i = 0; i < 6; ++i) {
            QVERIFY(sinks[std::size_t(i)]->waitForFinish());
            QCOMPARE(ReplicaBed::textOf(*sinks[std::size_t(i)]), bed.expected(words(4, i), 20));
        }
        QTRY_COMPARE(bed.resident().replicas, 1U);
    }

    /// Asked for by number: of all of them together.
    void numbersAreDivided() {
        ReplicaBed bed(2, 64);
        QCOMPARE(bed.load(5, 1024).phase, LoadPhase::Ready);
        QCOMPARE(bed.model->slotCount, 6U);
        for (const auto& script : bed.scripts)
            QCOMPARE(script->plannedPages.load(), 1 + pagesFor(512));
        QTRY_COMPARE(bed.resident().pagesTotal, 2 * pagesFor(512));
        QCOMPARE(bed.resident().slotCount, 6U);
    }

    /// A device with less memory sets the context of all.
    void contextIsTheSameOnAll() {
        ReplicaBed bed(2, 65'536 * 32);
        bed.scripts[1]->weights_bytes = 49'200'000; // 800 kB are left: 800 pages
        QCOMPARE(bed.load(2).phase, LoadPhase::Ready);
        QCOMPARE(bed.model->context, 16'384U);
        const auto pages = bed.scripts[0]->plannedPages.load();
        QVERIFY2(pages >= 1 + pagesFor(16'384) && pages < 1 + pagesFor(32'768),
                 qPrintable(QString::number(pages)));
    }

    void oneThatCannotLoadLeavesNothing() {
        ReplicaBed bed(3);
        bed.scripts[2]->loadFailure =
            Status(Code::DeviceLost, {{"device", "FAKE"}, {"reason", "no"}});
        const LoadEvent event = bed.load(3);
        QCOMPARE(event.phase, LoadPhase::Failed);
        QCOMPARE(event.status.code(), Code::DeviceLost);
        for (const auto& script : bed.scripts)
            QCOMPARE(script->alive.load(), 0);
        bed.names = "cuda:0,7";
        QCOMPARE(bed.load(3).status.code(), Code::DeviceUnavailable);
    }

    void req17_measuresOneAgainstAll_data() {
        QTest::addColumn<int>("all_us"); // a step of all devices together; of one: 2000
        QTest::addColumn<SplitMode>("split");
        QTest::addColumn<bool>("fitsOnOne");
        QTest::addColumn<bool>("takesOne");
        QTest::newRow("faster together") << 1000 << SplitMode::Auto << true << false;
        QTest::newRow("slower together") << 3000 << SplitMode::Auto << true << true;
        QTest::newRow("slower, asked for") << 3000 << SplitMode::Tensor << true << false;
        QTest::newRow("slower, too large for one") << 3000 << SplitMode::Auto << false << false;
    }
    /// Several devices that share a model are measured at the load against the first alone.
    void req17_measuresOneAgainstAll() {
        QFETCH(int, all_us);
        QFETCH(SplitMode, split);
        QFETCH(bool, fitsOnOne);
        QFETCH(bool, takesOne);
        std::map<std::string, std::shared_ptr<FakeExecutorScript>> scripts;
        for (const char* word : {"cuda:0", "cuda:0,1"}) {
            auto script = std::make_shared<FakeExecutorScript>();
            script->deviceName = word;
            script->runsAhead = true;
            script->loadTensors = 1;
            scripts[word] = std::move(script);
        }
        scripts["cuda:0"]->device_us = 2000;
        scripts["cuda:0"]->weights_bytes = fitsOnOne ? 1'000'000 : 60'000'000;
        scripts["cuda:0,1"]->device_us = all_us;
        EngineParts parts = tests::fakeParts(scripts);
        parts.open = [](const std::filesystem::path& path) -> Result<OpenedModel> {
            OpenedModel model = tests::fakeModel(path);
            model.config.layerCount = 4;
            return model;
        };
        EngineImpl engine(std::move(parts));
        LoadEvent event;
        for (int i = 0; i < 2; ++i) { // the second time it is known
            LoadRequest request;
            request.path = "one";
            request.device = "cuda:0,1";
            request.split = split;
            event = tests::loadAndWait(engine, std::move(request));
            QVERIFY2(event.phase == LoadPhase::Ready, event.status.sentence().c_str());
            QCOMPARE(event.model->device, std::string(takesOne ? "cuda:0" : "cuda:0,1"));
            QCOMPARE(event.model->split.tookOne, takesOne);
            // Slower than one that is too small: one after another, which is as fast as one.
            QCOMPARE(event.model->split.tookLayers, !fitsOnOne);
            QCOMPARE(event.model->split.devices, 2U);
        }
        const SplitChoice& measured = event.model->split;
        QVERIFY2(measured.onePerSecond > 350 && measured.onePerSecond < 520,
                 qPrintable(QString::number(measured.onePerSecond)));
        const double all = 1e6 / all_us;
        QVERIFY2(measured.allPerSecond > 0.7 * all && measured.allPerSecond < 1.05 * all,
                 qPrintable(QString::number(measured.allPerSecond)));
        QCOMPARE(scripts["cuda:0,1"]->loads.load(), takesOne ? 2U : 4U);
    }

    void manyAnswersMayWantReplicas_data() {
        QTest::addColumn<std::uint32_t>("slotCount");
        QTest::addColumn<SplitMode>("split");
        QTest::addColumn<bool>("worksTogether");
        QTest::addColumn<QString>("device");
        QTest::newRow("room for one person") << 0U << SplitMode::Auto << true << "cuda:0,1 · GPU";
        QTest::newRow("many") << 64U << SplitMode::Auto << true
                              << "cuda:0+cuda:1 · 2 x GPU · replicas";
        QTest::newRow("many, asked for") << 64U << SplitMode::Tensor << true << "cuda:0,1 · GPU";
        QTest::newRow("no way to each other") << 0U << SplitMode::Auto << false << "cuda:0 · GPU";
        QTest::newRow("no way to each other, many")
            << 64U << SplitMode::Auto << false << "cuda:0+cuda:1 · 2 x GPU · replicas";
    }
    /// Together one answer is faster, and many are slower than with the whole model on each.
    void manyAnswersMayWantReplicas() {
        QFETCH(std::uint32_t, slotCount);
        QFETCH(SplitMode, split);
        QFETCH(bool, worksTogether);
        QFETCH(QString, device);
        std::map<std::string, std::shared_ptr<FakeExecutorScript>> scripts;
        for (const char* word : {"cuda:0", "cuda:1", "cuda:0,1"}) {
            auto script = std::make_shared<FakeExecutorScript>();
            script->deviceName = std::string(word) + " · GPU";
            script->runsAhead = true;
            script->loadTensors = 1;
            script->device_us = word == std::string("cuda:0,1") ? 600 : 1000;
            script->deviceRow_us = word == std::string("cuda:0,1") ? 40 : 10;
            scripts[word] = std::move(script);
        }
        if (!worksTogether)
            scripts.erase("cuda:0,1");
        EngineImpl engine(tests::fakeParts(scripts));
        LoadRequest request;
        request.path = "one";
        request.device = "cuda:0,1";
        request.split = split;
        request.slotCount = slotCount;
        const LoadEvent event = tests::loadAndWait(engine, std::move(request));
        QVERIFY2(event.phase == LoadPhase::Ready, event.status.sentence().c_str());
        QCOMPARE(QString::fromStdString(event.model->device), device);
        QCOMPARE(event.model->split.tookReplicas, device.endsWith(QLatin1String("replicas")));
        if (worksTogether && slotCount == 64)
            QVERIFY(event.model->split.replicasPerSecond > event.model->split.sharedPerSecond);
        auto sink = std::make_shared<RecordingSink>();
        Request asked;
        asked.rawPrompt.emplace(words(5, 1));
        asked.maxTokens = 10;
        QVERIFY(engine.submit(std::move(asked), sink).ok());
        QVERIFY(sink->waitForFinish());
        QVERIFY(sink->finished().status.ok());
    }

    void stopsAndSettingsReachAll() {
        ReplicaBed bed(2);
        for (const auto& script : bed.scripts)
            script->device_us = 2'000;
        QCOMPARE(bed.load(4).phase, LoadPhase::Ready);
        std::vector<std::shared_ptr<RecordingSink>> sinks;
        std::vector<RequestId> ids;
        for (int i = 0; i < 8; ++i) {
            Request request;
            request.rawPrompt.emplace(words(3, i));
            request.maxTokens = 200;
            request.ignoreEndOfGeneration = true;
            sinks.push_back(std::make_shared<RecordingSink>());
            ids.push_back(*bed.engine->submit(std::move(request), sinks.back()));
        }
        QVERIFY(sinks.front()->waitForEvents(3));
        for (const RequestId id : ids) {
            bed.engine->setPriority(id, Priority::P2);
            bed.engine->cancel(id);
        }
        for (const auto& sink : sinks) {
            QVERIFY(sink->waitForFinish(2s));
            QCOMPARE(sink->finished().finish, FinishReason::Cancelled);
        }
        QTRY_COMPARE(bed.resident().pagesUsed, 0U);
        std::atomic<bool> gone{false};
        bed.engine->unload(bed.model->key, [&] { gone = true; });
        QTRY_VERIFY(gone.load());
        for (const auto& script : bed.scripts)
            QCOMPARE(script->alive.load(), 0);
    }
};

INGLENOOK_SUITE(replicas, TstReplicas)
#include "tst_replicas.moc"
