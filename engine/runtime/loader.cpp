#include "engine/runtime/loader.h"

#include "engine/runtime/load_plan.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

namespace engine {

namespace {

std::string modelName(const OpenedModel& model) {
    if (!model.config.name.empty())
        return model.config.name;
    const auto path = model.path.has_filename() ? model.path : model.path.parent_path();
    return path.stem().string();
}

std::string modelKey(const std::string& hash, const NumberFormats& formats,
                     const std::string& device) {
    return hash + "/" + std::string(name(formats.weights)) + "-" +
           std::string(name(formats.activations)) + "-" + std::string(name(formats.kv)) + "/" +
           device;
}

/// Tokenizer and template; a template we cannot read is replaced by ChatML and noted.
Status addText(OpenedModel& opened, ModelInfo& info) {
    if (opened.vocabulary.kind == TokenizerKind::None)
        return {};
    auto tokenizer = Tokenizer::create(std::move(opened.vocabulary));
    if (!tokenizer)
        return tokenizer.status();
    info.tokenizer = *tokenizer;
    info.chatTemplate = ChatTemplate::fallback();
    if (!opened.chatTemplate.empty()) {
        if (auto parsed = ChatTemplate::parse(opened.chatTemplate))
            info.chatTemplate = *parsed;
        else
            info.memory.notes.push_back(parsed.status().sentence());
    }
    info.isReasoner = info.chatTemplate->source().find("<think>") != std::string::npos ||
                      info.chatTemplate->source().find("</think>") != std::string::npos;
    return {};
}

Status loadPart(const OpenedModel& opened, const LoadRequest& request, LoadedPart& part,
                const LoadProgress& progress, const std::atomic<bool>& stop) {
    Executor& executor = *part.executor;
    Status status = executor.load(opened.config, opened.tensors, part.plan, progress, stop);
    if (status != Code::OutOfMemory || stop)
        return status;
    // Others took memory since it was planned, or it lies in pieces: once more with less.
    part.plan = smallerPlan(request, part.plan);
    Result<MemoryPlan> smaller = executor.memoryPlan(opened.config, *opened.tensors, part.plan);
    if (!smaller)
        return smaller.status();
    part.memory = std::move(*smaller);
    return executor.load(opened.config, opened.tensors, part.plan, progress, stop);
}

/// Replicas compute alike, or an answer would depend on who gives it: where measurements near the
/// limit have ended differently, all take what harms none.
Status agreeOnActivations(const std::vector<LoadedPart>& parts, ModelInfo& info) {
    const ActivationFormat first = parts.front().executor->formats().activations;
    const bool agree = std::all_of(parts.begin(), parts.end(), [&](const LoadedPart& part) {
        return part.executor->formats().activations == first;
    });
    if (agree)
        return {};
    for (const LoadedPart& part : parts)
        INGLENOOK_TRY(part.executor->setActivations(ActivationFormat::BF16));
    info.activationChoice.chosen = ActivationFormat::BF16;
    return {};
}

/// What all parts are together.
void describeParts(const std::vector<LoadedPart>& parts, ModelInfo& info) {
    info.device = nameOfParts(parts);
    info.context = std::numeric_limits<std::uint32_t>::max();
    info.slotCount = 0;
    std::vector<std::string> notes = parts.front().memory.notes;
    notes.insert(notes.end(), info.memory.notes.begin(), info.memory.notes.end());
    info.memory = {{}, std::move(notes)};
    for (const LoadedPart& part : parts) {
        info.context = std::min(info.context, part.plan.context);
        info.slotCount += part.plan.slotCount;
        info.memory.devices.insert(info.memory.devices.end(), part.memory.devices.begin(),
                                   part.memory.devices.end());
    }
}

} // namespace

Loader::Loader(EngineParts parts, LoaderCallbacks callbacks)
    : m_parts(std::move(parts)), m_callbacks(std::move(callbacks)), m_thread([this] { run(); }) {}

Loader::~Loader() {
    {
        const std::lock_guard lock(m_mutex);
        m_stopping = true;
        for (const auto& job : m_jobs)
            job->stop = true;
        if (m_again != nullptr)
            m_again->stop = true;
    }
    m_wake.notify_one();
    m_thread.join();
}

void Loader::add(LoadId id, LoadRequest request, LoadObserver observer) {
    auto job = std::make_shared<Job>();
    job->id = id;
    job->request = std::move(request);
    job->observer = std::move(observer);
    const std::lock_guard lock(m_mutex);
    job->stop = m_stopping;
    m_jobs.push_back(std::move(job));
    m_wake.notify_one();
}

void Loader::cancel(LoadId id) {
    const std::lock_guard lock(m_mutex);
    for (const auto& job : m_jobs)
        if (job->id == id)
            job->stop = true;
}

void Loader::run() {
    std::unique_lock lock(m_mutex);
    for (;;) {
        m_wake.wait(lock, [this] { return m_stopping || !m_jobs.empty(); });
        if (m_jobs.empty())
            return;
        const std::shared_ptr<Job> job = m_jobs.front();
        lock.unlock();
        const LoadEvent end = load(*job);
        if (m_callbacks.ended)
            m_callbacks.ended(job->id, end.status);
        if (job->observer)
            job->observer(end);
        lock.lock();
        m_jobs.pop_front();
    }
}

LoadEvent Loader::load(Job& job) {
    LoadEvent end;
    Result<LoadedModel> loaded = loadModel(job);
    if (loaded && job.stop)
        loaded = Status(Code::Cancelled);
    if (loaded) {
        end.phase = LoadPhase::Ready;
        end.model = loaded->info;
        for (const DeviceMemory& device : loaded->info->memory.devices)
            end.total_bytes += device.weights_bytes;
        end.done_bytes = end.total_bytes;
        m_callbacks.adopt(std::move(*loaded));
        return end;
    }
    end.inTheWay = std::move(job.inTheWay);
    for (const LoadRequest& request : job.gaveWay)
        bringBack(request, end);
    end.status = loaded.status();
    end.phase = end.status == Code::Cancelled ? LoadPhase::Cancelled : LoadPhase::Failed;
    return end;
}

/// The model that made room for one that then failed.
void Loader::bringBack(const LoadRequest& request, LoadEvent& end) {
    const auto again = std::make_shared<Job>();
    again->request = request;
    {
        const std::lock_guard lock(m_mutex);
        again->stop = m_stopping;
        m_again = again;
    }
    Result<LoadedModel> loaded = loadModel(*again);
    {
        const std::lock_guard lock(m_mutex);
        m_again.reset();
    }
    if (!loaded)
        return;
    end.restored.push_back(loaded->info);
    m_callbacks.adopt(std::move(*loaded));
}

/// Frees one more model for the job, or says why not.
Status Loader::makeRoom(Job& job, const std::string& name) {
    constexpr std::chrono::milliseconds kLook{20}; // at `stop`
    RoomAnswer room = m_callbacks.makeRoom(job.request.policy);
    if (!room.inTheWay.empty() && job.observer) {
        LoadEvent event;
        event.phase = LoadPhase::Planning;
        event.inTheWay = room.inTheWay;
        job.observer(event);
    }
    if (!room.gaveWay) {
        job.inTheWay = std::move(room.inTheWay);
        if (job.inTheWay.empty())
            return Status(Code::OutOfMemory);
        return Status(Code::ModelNeedsRoom, {{"model", name},
                                             {"resident", room.resident},
                                             {"count", std::to_string(job.inTheWay.size())}});
    }
    while (room.gone.valid() && room.gone.wait_for(kLook) != std::future_status::ready)
        if (job.stop && room.stay())
            return Status(Code::Cancelled);
    job.gaveWay.push_back(std::move(*room.gaveWay));
    return job.stop ? Status(Code::Cancelled) : Status();
}

/// Where several GPUs are to share the model, it is measured what that brings. Automatic takes one
/// where that is as fast, and for many answers at once the whole model on each where that does
/// more; both only where the model fits without anybody giving way. GPUs that cannot work together
/// count as slow. Where sharing every layer is slower than one GPU, or their memories are too
/// different for it, each gets a stretch of the layers.
Status Loader::chooseSplit(const Job& job, const OpenedModel& opened, std::string& device,
                           SplitMode& split, SplitChoice& choice) {
    const LoadRequest& request = job.request;
    device = request.device;
    split = request.split;
    const std::vector<std::string> devices = replicaDevices(device, SplitMode::Replicas);
    if (devices.size() < 2 || split == SplitMode::Replicas)
        return {};
    const auto make = [&](const std::string& word) {
        return m_parts.makeExecutor(word, request.split);
    };
    const std::uint32_t streams = request.slotCount == 0 ? kDefaultSlots : request.slotCount;
    const Result<SplitChoice> measured = m_splitChoices.measure(
        opened.config, opened.tensors, request.formats, device, streams, make, job.stop);
    if (!measured)
        return measured.status();
    choice = *measured;
    if (split != SplitMode::Auto)
        return {};
    const auto fits = [&](const std::string& word, SplitMode mode) {
        Result<std::vector<LoadedPart>> parts = makeParts(word, mode, m_parts.makeExecutor);
        return parts.ok() && planParts(opened, request, *parts).ok();
    };
    // The default number of answers at once is room for one person's; more was asked for.
    const bool many = streams > kDefaultSlots;
    const bool isMeasured = choice.onePerSecond > 0;
    const bool gainsLittle = choice.allPerSecond < kLeastSplitGain * choice.onePerSecond;
    if (isMeasured && many && choice.replicasPerSecond > kLeastSplitGain * choice.sharedPerSecond &&
        fits(device, SplitMode::Replicas)) {
        choice.tookReplicas = true;
        split = SplitMode::Replicas;
    } else if (isMeasured && !many && gainsLittle && fits(devices.front(), split)) {
        choice.tookOne = true;
        device = devices.front();
    } else if (const bool slower = isMeasured && choice.allPerSecond < choice.onePerSecond;
               (slower || !fits(device, SplitMode::Tensor)) && fits(device, SplitMode::Layer)) {
        // One GPU after another is about as fast as one.
        choice.tookLayers = true;
        split = SplitMode::Layer;
    }
    return {};
}

/// Plans, and while it does not fit, lets other models go.
Status Loader::planWithRoom(Job& job, const OpenedModel& opened, std::vector<LoadedPart>& parts,
                            const std::string& name) {
    Status planned = planParts(opened, job.request, parts);
    while (planned == Code::OutOfMemory) {
        const Status room = makeRoom(job, name);
        if (room == Code::OutOfMemory)
            break; // nobody is left who could give way: the plan's figures say it best
        INGLENOOK_TRY(room);
        planned = planParts(opened, job.request, parts);
    }
    return planned;
}

/// What `--acts auto` is on the loaded parts.
Status Loader::chooseActivations(const OpenedModel& opened, const std::vector<LoadedPart>& parts,
                                 ModelInfo& info) {
    for (const LoadedPart& part : parts) {
        const Result<ActivationChoice> choice =
            m_activationChoices.choose(info.contentHash, *part.executor, part.plan,
                                       info.tokenizer.get(), opened.config.vocabularySize);
        if (!choice)
            return choice.status();
        info.activationChoice = *choice;
    }
    return agreeOnActivations(parts, info);
}

Result<LoadedModel> Loader::loadModel(Job& job) {
    const auto tell = [&](LoadPhase phase, std::uint64_t done, std::uint64_t total) {
        LoadEvent event;
        event.phase = phase;
        event.done_bytes = done;
        event.total_bytes = total;
        if (job.observer)
            job.observer(event);
    };
    const auto begin = std::chrono::steady_clock::now();
    if (job.stop)
        return Status(Code::Cancelled);
    tell(LoadPhase::Opening, 0, 0);
    Result<OpenedModel> opened = m_parts.open(job.request.path);
    if (!opened)
        return opened.status();
    auto info = std::make_shared<ModelInfo>();
    info->name = modelName(*opened);
    info->path = opened->path.empty() ? job.request.path : opened->path;
    INGLENOOK_TRY(addText(*opened, *info));
    std::string device;
    SplitMode split = SplitMode::Auto;
    INGLENOOK_TRY(chooseSplit(job, *opened, device, split, info->split));
    Result<std::vector<LoadedPart>> parts = makeParts(device, split, m_parts.makeExecutor);
    if (!parts)
        return parts.status();
    if (job.stop)
        return Status(Code::Cancelled);

    tell(LoadPhase::Planning, 0, 0);
    INGLENOOK_TRY(planWithRoom(job, *opened, *parts, info->name));
    for (std::size_t i = 0; i < parts->size(); ++i) {
        const LoadProgress progress = [&](std::uint64_t done, std::uint64_t total) {
            tell(LoadPhase::LoadingWeights, i * total + done, parts->size() * total);
        };
        INGLENOOK_TRY(loadPart(*opened, job.request, parts->at(i), progress, job.stop));
    }
    info->contentHash = opened->tensors->contentHash();
    if (job.stop)
        return Status(Code::Cancelled);
    INGLENOOK_TRY(chooseActivations(*opened, *parts, *info));

    info->format = opened->format;
    info->fileType = opened->fileType;
    info->fileBytes = opened->fileBytes;
    info->config = opened->config;
    info->formats = parts->front().executor->formats();
    info->sampling = opened->sampling;
    describeParts(*parts, *info);
    info->key = modelKey(info->contentHash, info->formats, info->device);
    info->load_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                        std::chrono::steady_clock::now() - begin)
                        .count();
    return LoadedModel{std::move(info), std::move(*parts), job.request};
}

} // namespace engine
