#pragma once
// SchedulerBed: one scheduler over the fake executor on a virtual clock, stepped by hand, so that
// what meets in a step is the test's choice.

#include "engine/runtime/scheduler.h"
#include "tests/support/fake_executor.h"
#include "tests/support/recording_sink.h"
#include "tests/support/virtual_clock.h"

#include <map>

namespace tests {

using namespace engine;

/// A request as its sequence begins.
struct Asked {
    Request request;
    Prompt prompt;
    std::uint32_t headTokens = 0;
    std::vector<TokenId> closeReasoning;
};

struct BedPlan {
    std::uint32_t context = 64; // tokens
    std::uint32_t slotCount = 4;
    std::uint32_t pages = 0; // without page 0; 0 = a context for each slot
    std::uint32_t maxRows = 64;
    bool runsAhead = true;
    std::uint64_t hostPages_bytes = 1'000'000;
    std::shared_ptr<StepRing> steps; // hears of every step; may be null
    /// Puts an executor around the fake one.
    std::function<std::unique_ptr<Executor>(std::unique_ptr<Executor>)> wrap;
};

class SchedulerBed {
  public:
    explicit SchedulerBed(const BedPlan& planned) {
        plan.context = planned.context;
        plan.slotCount = planned.slotCount;
        plan.pageCount =
            1 + (planned.pages > 0 ? planned.pages : planned.slotCount * pagesFor(planned.context));
        plan.maxBatchRows = planned.maxRows;
        script->loadTensors = 0;
        script->runsAhead = planned.runsAhead;
        script->onSubmit = [this](const Batch& batch) {
            clock.advance(std::chrono::microseconds(1000 + 10 * int(batch.rows.size())));
        };
        auto executor = makeFakeExecutor(script);
        if (planned.wrap)
            executor = planned.wrap(std::move(executor));
        const std::atomic<bool> stop{false};
        (void)executor->load({}, nullptr, plan, {}, stop);
        scheduler = std::make_unique<Scheduler>(
            modelOf(planned.context), std::move(executor), plan,
            SchedulerServices{admission, latencies, figures, clock.source(), planned.steps});
        scheduler->setHostPages(planned.hostPages_bytes);
    }

    std::shared_ptr<RecordingSink> add(const Asked& asked, std::size_t sinkTakes = 0) {
        auto sink = std::make_shared<RecordingSink>(sinkTakes);
        auto sequence = std::make_shared<Sequence>(++lastId, scheduler->model(), asked.request,
                                                   sink, asked.prompt);
        Request& request = sequence->request;
        auto ticket = admission.admit(request, sequence->promptTokens);
        if (!ticket)
            return nullptr;
        sequence->ticket = std::move(*ticket);
        sequence->headTokens = asked.headTokens;
        sequence->closeReasoning = asked.closeReasoning;
        sequence->submitted = clock.now();
        scheduler->add(std::move(sequence));
        return sink;
    }
    /// False when it does not come to its end.
    bool stepToTheEnd() {
        for (int step = 0; step < 100'000 && scheduler->hasWork(); ++step)
            if (script->broken || !scheduler->step().ok())
                return false;
        return !scheduler->hasWork();
    }

    static std::shared_ptr<const ModelInfo> modelOf(std::uint32_t context) {
        static std::map<std::uint32_t, std::shared_ptr<const ModelInfo>> models;
        std::shared_ptr<const ModelInfo>& model = models[context];
        if (model != nullptr)
            return model;
        static const auto tokenizer = Tokenizer::create(fakeModel("bed").vocabulary);
        auto made = std::make_shared<ModelInfo>();
        made->key = made->name = made->contentHash = "bed";
        made->context = context;
        made->config = fakeModel("bed").config;
        made->tokenizer = *tokenizer;
        return model = std::move(made);
    }

    VirtualClock clock;
    LatencyStats latencies;
    Snapshot figures;
    Admission admission{{}, latencies, clock.source()};
    ExecutorPlan plan;
    std::shared_ptr<FakeExecutorScript> script = std::make_shared<FakeExecutorScript>();
    std::unique_ptr<Scheduler> scheduler;
    RequestId lastId = 0;
};

} // namespace tests
