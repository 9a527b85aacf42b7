// A GPU that stops answering: a kernel of this program holds every multiprocessor for a while (it
// ends by itself), an executor's step waits behind it, and must be given up in time; then memory is
// not given back, the device is not opened again, and the program ends without waiting.
// usage: inglenook_cuda_hang MODEL SECONDS   with INGLENOOK_STEP_PATIENCE_MS=1000 or so
// Exit code 1 when something waited longer. Time the program itself: its end must not wait either.
#include "engine/device/make_executor.h"
#include "engine/model/opened_model.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>

/// tests/bench/cuda_hold.cu
extern "C" bool holdGpu(unsigned long long duration_ns);

namespace {

using namespace engine;
using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count();
}

Status answer(Executor& executor, const Result<Ticket>& ticket) {
    if (!ticket.ok())
        return ticket.status();
    return executor.collect(*ticket).status;
}

int run(const char* path, int hold_s) {
    const Result<OpenedModel> model = openModel(path);
    Result<std::unique_ptr<Executor>> executor = makeExecutor("cuda:0");
    if (!model.ok() || !executor.ok()) {
        std::fprintf(stderr, "%s\n",
                     (model.ok() ? executor.status() : model.status()).sentence().c_str());
        return 1;
    }
    ExecutorPlan plan;
    plan.context = 64;
    plan.pageCount = 4;
    const std::atomic<bool> stop{false};
    Status status = (*executor)->load(model->config, model->tensors, plan, {}, stop);
    Batch batch;
    batch.tables.push_back({{1, 2}});
    batch.rows.push_back({0, 0, 0, 5, Want::Token});
    if (status.ok())
        status = (*executor)->setSlot(0, {});
    if (status.ok())
        status = answer(**executor, (*executor)->submit(batch));
    if (!status.ok()) {
        std::fprintf(stderr, "%s\n", status.sentence().c_str());
        return 1;
    }
    // Blocks that fill the multiprocessors, and as many again, so that nothing gets between them.
    if (!holdGpu(static_cast<unsigned long long>(hold_s) * 500'000'000ULL))
        return 1;
    const Clock::time_point begin = Clock::now();
    const Result<Ticket> ticket = (*executor)->submit(batch);
    const double submitted_s = secondsSince(begin);
    status = answer(**executor, ticket);
    const double collected_s = secondsSince(begin);
    std::printf("submit %.2f s, collect %.2f s: %s\n", submitted_s, collected_s,
                status.ok() ? "ANSWERED" : status.sentence().c_str());
    executor->reset();
    const double released_s = secondsSince(begin);
    const Result<std::unique_ptr<Executor>> again = makeExecutor("cuda:0");
    std::printf("released after %.2f s; again: %s\n", released_s,
                again.ok() ? "OPENED" : again.status().sentence().c_str());
    std::fflush(stdout);
    return status.ok() || again.ok() || released_s > hold_s ? 1 : 0;
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: inglenook_cuda_hang MODEL SECONDS\n");
        return 2;
    }
    return run(argv[1], std::atoi(argv[2]));
}
