// What `--acts auto` decides: int8 where it does not show, bf16 where outliers would spoil it.
#include "engine/model/opened_model.h"
#include "engine/runtime/activation_choice.h"
#include "engine/runtime/engine_impl.h"
#include "tests/support/fake_executor.h"
#include "tests/support/forwarding_executor.h"
#include "tests/support/load_and_wait.h"
#include "tests/support/suite_registry.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <QElapsedTimer>
#include <QtTest/QtTest>

using namespace engine;
using tests::ForwardingExecutor;
using tests::loadAndWait;

namespace {

std::filesystem::path golden(const char* name) {
    return (tests::sourceDir() + "/tests/fixtures/goldens/" + name).toStdString();
}

/// Computes batches of few rows in bf16 whatever is chosen, as a GPU does.
class CoarseExecutor final : public ForwardingExecutor {
  public:
    static constexpr std::uint32_t kLeastRows = 40;

    CoarseExecutor() : ForwardingExecutor(makeCpuExecutor()) {}

    Result<Ticket> submit(Batch batch) override {
        const bool few = batch.rows.size() < kLeastRows;
        INGLENOOK_TRY(below().setActivations(few ? ActivationFormat::BF16 : m_chosen));
        return below().submit(std::move(batch));
    }
    Status setActivations(ActivationFormat format) override {
        m_chosen = format;
        m_sparing = false;
        return below().setActivations(format);
    }
    void useInt8WhereFaster() override { m_sparing = true; }
    bool sparing() const { return m_sparing; }
    std::uint32_t leastActivationRows() const override { return kLeastRows; }

  private:
    ActivationFormat m_chosen = ActivationFormat::Int8;
    bool m_sparing = false; // see useInt8WhereFaster()
};

/// One of several devices that compute bf16 alike and int8 perhaps not.
class ReplicaExecutor final : public ForwardingExecutor {
  public:
    struct Seen {
        bool spoils = false; // what it computes with int8 activations
        ActivationFormat chosen = ActivationFormat::Auto;
    };
    ReplicaExecutor(std::string name, Seen& seen)
        : ForwardingExecutor(makeCpuExecutor()), m_name(std::move(name)), m_seen(seen) {}

    std::string deviceName() const override { return m_name; }
    Status setActivations(ActivationFormat format) override {
        m_seen.chosen = format;
        return below().setActivations(format);
    }
    BatchResult collect(Ticket ticket) override {
        BatchResult result = below().collect(ticket);
        if (m_seen.spoils && m_seen.chosen == ActivationFormat::Int8)
            for (RowResult& row : result.rows)
                std::reverse(row.logits.begin(), row.logits.end());
        return result;
    }

  private:
    std::string m_name;
    Seen& m_seen;
};

/// A reference model on the CPU.
struct Loaded {
    Result<OpenedModel> model;
    ExecutorPlan plan;
    std::unique_ptr<Executor> executor;
    Status status;

    explicit Loaded(const char* name, ActivationFormat activations = ActivationFormat::Auto,
                    std::unique_ptr<Executor> on = makeCpuExecutor())
        : model(openModel(golden(name))), executor(std::move(on)) {
        plan.formats.activations = activations;
        plan.context = 512;
        plan.pageCount = 33;
        const std::atomic<bool> stop{false};
        status = model.ok() ? executor->load(model->config, model->tensors, plan, {}, stop)
                            : model.status();
    }

    std::vector<TokenId> tokens() const {
        return activationTokens(nullptr, model->config.vocabularySize);
    }
};

std::shared_ptr<const ModelInfo> loadInEngine(Engine& engine, const std::filesystem::path& path) {
    LoadRequest request;
    request.path = path;
    request.device = "cpu";
    return loadAndWait(engine, std::move(request)).model;
}

} // namespace

class TstActivationChoice : public QObject {
    Q_OBJECT

  private slots:
    void outliersFallBack_data() {
        QTest::addColumn<bool>("int8");
        for (const char* name : {"llama-eps", "llama-linear-rope", "llama-llama3rope", "qwen2-tied",
                                 "qwen2-untied-hd128", "qwen3-yarn"})
            QTest::newRow(name) << true;
        QTest::newRow("llama-outliers") << false;
    }
    void outliersFallBack() {
        QFETCH(const bool, int8);
        Loaded loaded(QTest::currentDataTag());
        QVERIFY2(loaded.status.ok(), loaded.status.sentence().c_str());
        const auto choice = chooseActivations(*loaded.executor, loaded.plan, loaded.tokens(),
                                              std::chrono::hours(1));
        QVERIFY(choice.ok());
        qInfo("KL %.5f, logits %.3f apart, over %u tokens", choice->kl, choice->relError,
              choice->tokens);
        QCOMPARE(choice->tokens, kActivationTokens);
        QCOMPARE(choice->chosen, int8 ? ActivationFormat::Int8 : ActivationFormat::BF16);
        QCOMPARE(loaded.executor->formats().activations, choice->chosen);
        // The first tokens, which are all that a large model takes time for, say the same.
        Loaded again(QTest::currentDataTag());
        const auto hasty = chooseActivations(*again.executor, again.plan, again.tokens(),
                                             std::chrono::milliseconds(0));
        QVERIFY(hasty.ok());
        QCOMPARE(hasty->tokens, 16U);
        QCOMPARE(hasty->chosen, choice->chosen);
    }

    void whatIsAskedForStays() {
        for (const ActivationFormat format :
             {ActivationFormat::Int8, ActivationFormat::BF16, ActivationFormat::F32}) {
            Loaded loaded("llama-outliers", format);
            const auto choice = chooseActivations(*loaded.executor, loaded.plan, loaded.tokens());
            QVERIFY(choice.ok());
            QCOMPARE(choice->tokens, 0U);
            QCOMPARE(loaded.executor->formats().activations, format);
        }
    }

    /// Fewer pages than the text needs: it is measured on what there is room for.
    void fewPagesAreEnough() {
        Loaded loaded("llama-eps");
        ExecutorPlan small = loaded.plan;
        small.pageCount = 4; // one page a path, one too many
        const auto choice = chooseActivations(*loaded.executor, small, loaded.tokens());
        QVERIFY(choice.ok());
        QCOMPARE(choice->tokens, 32U);
        small.pageCount = 2;
        QCOMPARE(chooseActivations(*loaded.executor, small, loaded.tokens())->tokens, 0U);
    }

    /// Where few rows show no difference, more are taken; where there is no room, bf16 is.
    void fewRowsAreNotTrusted() {
        for (const char* name : {"llama-outliers", "llama-eps"}) {
            Loaded loaded(name, ActivationFormat::Auto, std::make_unique<CoarseExecutor>());
            QVERIFY2(loaded.status.ok(), loaded.status.sentence().c_str());
            const auto choice = chooseActivations(*loaded.executor, loaded.plan, loaded.tokens(),
                                                  std::chrono::hours(1));
            QVERIFY(choice.ok());
            QCOMPARE(choice->tokens,
                     kActivationTokens / CoarseExecutor::kLeastRows * CoarseExecutor::kLeastRows);
            QVERIFY(choice->relError > 0);
            QCOMPARE(choice->chosen, name == std::string_view("llama-eps")
                                         ? ActivationFormat::Int8
                                         : ActivationFormat::BF16);
            Loaded again(name, ActivationFormat::Auto, std::make_unique<CoarseExecutor>());
            again.plan.pageCount = 4; // one page a path: 32 tokens
            const auto none = chooseActivations(*again.executor, again.plan, again.tokens());
            QVERIFY(none.ok());
            QCOMPARE(none->tokens, 0U);
            QCOMPARE(none->chosen, ActivationFormat::BF16);
            QCOMPARE(again.executor->formats().activations, ActivationFormat::BF16);
        }
    }

    /// Measured in all steps, used where it pays; all of it where somebody asked for int8.
    void onlyAChoiceSparesSteps() {
        const auto sparing = [](const Loaded& loaded) {
            return dynamic_cast<const CoarseExecutor&>(*loaded.executor).sparing();
        };
        ActivationChoices choices;
        for (int time = 0; time < 2; ++time) { // measured, then remembered
            Loaded int8("llama-eps", ActivationFormat::Auto, std::make_unique<CoarseExecutor>());
            QVERIFY(choices.choose("eps", *int8.executor, int8.plan, nullptr, 320).ok());
            QCOMPARE(int8.executor->formats().activations, ActivationFormat::Int8);
            QVERIFY(sparing(int8));
            Loaded bf16("llama-outliers", ActivationFormat::Auto,
                        std::make_unique<CoarseExecutor>());
            QVERIFY(choices.choose("outliers", *bf16.executor, bf16.plan, nullptr, 320).ok());
            QCOMPARE(bf16.executor->formats().activations, ActivationFormat::BF16);
            QVERIFY(!sparing(bf16));
        }
        Loaded asked("llama-eps", ActivationFormat::Int8, std::make_unique<CoarseExecutor>());
        QVERIFY(choices.choose("eps", *asked.executor, asked.plan, nullptr, 320).ok());
        QVERIFY(!sparing(asked));
    }

    void aDeviceThatCannotSwitchIsLeftAlone() {
        const auto script = std::make_shared<tests::FakeExecutorScript>();
        const auto executor = tests::makeFakeExecutor(script);
        ExecutorPlan plan;
        plan.context = 64;
        plan.pageCount = 9;
        const auto choice = chooseActivations(*executor, plan, {1, 2, 3});
        QVERIFY(choice.ok());
        QCOMPARE(choice->tokens, 0U);
        QCOMPARE(script->steps.load(), 0U);
    }

    void aModelIsMeasuredOnce() {
        ActivationChoices choices;
        Loaded first("llama-outliers");
        const auto measured = choices.choose("hash", *first.executor, first.plan, nullptr,
                                             first.model->config.vocabularySize);
        QVERIFY(measured.ok() && measured->tokens > 0);
        // The same hash: the choice is taken over, though this model would have chosen otherwise.
        Loaded second("llama-eps");
        const auto known = choices.choose("hash", *second.executor, second.plan, nullptr,
                                          second.model->config.vocabularySize);
        QVERIFY(known.ok());
        QCOMPARE(second.executor->formats().activations, ActivationFormat::BF16);
        Loaded asked("llama-eps", ActivationFormat::Int8);
        QVERIFY(choices.choose("hash", *asked.executor, asked.plan, nullptr, 1).ok());
        QCOMPARE(asked.executor->formats().activations, ActivationFormat::Int8);
    }

    void replicasAgree_data() {
        QTest::addColumn<bool>("firstSpoils");
        QTest::addColumn<bool>("secondSpoils");
        QTest::newRow("none spoils int8") << false << false;
        QTest::newRow("the first does") << true << false;
        QTest::newRow("the second does") << false << true;
        QTest::newRow("both do") << true << true;
    }
    /// What one device cannot take none takes, or an answer would depend on who gives it.
    void replicasAgree() {
        QFETCH(const bool, firstSpoils);
        QFETCH(const bool, secondSpoils);
        std::map<std::string, ReplicaExecutor::Seen> seen;
        seen["cuda:0"].spoils = firstSpoils;
        seen["cuda:1"].spoils = secondSpoils;
        EngineParts parts;
        parts.open = [](const std::filesystem::path& path) { return openModel(path); };
        parts.makeExecutor = [&](const std::string& device,
                                 SplitMode) -> Result<std::unique_ptr<Executor>> {
            return std::unique_ptr<Executor>(
                std::make_unique<ReplicaExecutor>(device, seen.at(device)));
        };
        EngineImpl engine(std::move(parts));
        LoadRequest request;
        request.path = golden("llama-eps");
        request.device = "cuda:0,1";
        request.split = SplitMode::Replicas;
        request.context = 128;
        const LoadEvent event = loadAndWait(engine, std::move(request));
        QVERIFY2(event.phase == LoadPhase::Ready, event.status.sentence().c_str());
        const ActivationFormat agreed =
            firstSpoils || secondSpoils ? ActivationFormat::BF16 : ActivationFormat::Int8;
        QCOMPARE(event.model->formats.activations, agreed);
        QCOMPARE(event.model->activationChoice.chosen, agreed);
        QCOMPARE(seen["cuda:0"].chosen, agreed);
        QCOMPARE(seen["cuda:1"].chosen, agreed);
    }

    void theEngineChooses() {
        const auto engine = createEngine({});
        const auto outliers = loadInEngine(*engine, golden("llama-outliers"));
        QVERIFY(outliers != nullptr);
        QCOMPARE(outliers->formats.activations, ActivationFormat::BF16);
        QVERIFY(outliers->activationChoice.relError > kMostActivationError);
        const std::filesystem::path ember =
            (tests::sourceDir() + "/resources/models/ember.gguf").toStdString();
        if (!std::filesystem::exists(ember))
            QSKIP("The built-in model is not in this tree.");
        const auto builtIn = loadInEngine(*engine, ember);
        QVERIFY(builtIn != nullptr);
        qInfo("Ember: KL %.5f, logits %.3f apart, over %u tokens; loaded in %lld ms",
              builtIn->activationChoice.kl, builtIn->activationChoice.relError,
              builtIn->activationChoice.tokens, static_cast<long long>(builtIn->load_ms));
        QCOMPARE(builtIn->formats.activations, ActivationFormat::Int8);
        QVERIFY(builtIn->activationChoice.kl > 0); // measured, not assumed
    }
};

INGLENOOK_SUITE(activation_choice, TstActivationChoice)
#include "tst_activation_choice.moc"
