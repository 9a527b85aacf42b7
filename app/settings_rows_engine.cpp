// The rows of settings: engine.
#include "app/settings_rows.h"

namespace app {

namespace {

using V = SettingsValues;

constexpr auto kHere = SettingSection::Engine;

QList<SettingChoice> formats(const QList<const char*>& words) {
    QList<SettingChoice> choices{choice("", Label::tr("Automatic"))};
    for (const char* word : words)
        choices.append(choice(word, QString::fromLatin1(word).toUpper()));
    return choices;
}

QList<SettingSpec> modelRows() {
    return {
        row("last_model", kHere, at(&V::lastModel), Label::tr("Model"),
            Label::tr("The one that answers, and that the next start loads."))
            .kind(SettingKind::Model)
            .reloads(),
        row("autoload_model", kHere, at(&V::autoloadModel),
            Label::tr("Load the last model at the start"),
            Label::tr("In the background; the window is there at once.")),
        row("device", kHere, at(&V::device), Label::tr("Device"),
            Label::tr("What computes the answers. Automatic is the GPU, and the processor only "
                      "where there is none."))
            .choices({choice("", Label::tr("Automatic")), choice("cpu", Label::tr("Processor")),
                      choice("cuda", Label::tr("GPU"))})
            .reloads(),
        row("gpus", kHere, at(&V::gpus), Label::tr("GPUs"),
            Label::tr("Numbers as nvidia-smi gives them, with commas, each with its share if "
                      "they differ; empty is the first GPU. Counts when the device is GPU."))
            .matching("(\\d{1,2}(=[1-9]\\d{0,2})?(,\\d{1,2}(=[1-9]\\d{0,2})?)*)?",
                      Label::tr("numbers with commas, for example 0,1 or 0=60,1=40"))
            .reloads(),
        row("split", kHere, at(&V::split), Label::tr("Several GPUs"),
            Label::tr("How a model is shared out over more than one."))
            .choices({choice("", Label::tr("Automatic")),
                      choice("tensor", Label::tr("Every tensor in parts")),
                      choice("layer", Label::tr("Layer by layer")),
                      choice("replicas", Label::tr("A whole model on each"))})
            .reloads(),
    };
}

QList<SettingSpec> formatRows() {
    return {
        row("weights", kHere, at(&V::weights), Label::tr("Weights"),
            Label::tr("Fewer bits: less memory, faster, a little less exact."))
            .choices(formats({"int4", "int8", "bf16", "f32"}))
            .reloads(),
        row("activations", kHere, at(&V::activations), Label::tr("Activations"),
            Label::tr("What is computed with between the weights."))
            .choices(formats({"int8", "bf16", "f32"}))
            .reloads(),
        row("kv", kHere, at(&V::kv), Label::tr("KV cache"),
            Label::tr("What the model remembers of a chat; INT8 holds twice as much as "
                      "BF16."))
            .choices(formats({"int8", "bf16", "f32"}))
            .reloads(),
    };
}

QList<SettingSpec> memoryRows() {
    return {
        row("context_tokens", kHere, at(&V::contextTokens), Label::tr("Context"),
            Label::tr("Tokens a chat can hold; more takes more memory."))
            .range(0, 1'048'576, 1024)
            .zero(Label::tr("As the model allows"))
            .reloads(),
        row("slots", kHere, at(&V::slotCount), Label::tr("Answers at once"),
            Label::tr("So many run together; further ones wait. One alone can still use "
                      "the whole context."))
            .range(0, 256)
            .zero(Label::tr("Automatic (16)"))
            .reloads(),
        row("kv_tokens", kHere, at(&V::kvTokens), Label::tr("Memory of all chats"),
            Label::tr("Tokens that all running chats and the prefix cache hold together."))
            .range(0, 100'000'000, 4096)
            .zero(Label::tr("As memory allows"))
            .reloads(),
        row("idle_unload_s", kHere, at(&V::idleUnload_s), Label::tr("Unload when idle"),
            Label::tr("A model nobody asked for so long gives its memory back; the next "
                      "message loads it again."))
            .range(0, 86'400, 60)
            .unit(Label::tr("s"))
            .zero(Label::tr("Never")),
    };
}

QList<SettingSpec> batchingRows() {
    using B = BatchingValues;
    const auto place = [](auto field) { return at(&V::batching, field); };
    const QString ms = Label::tr("ms");
    return {
        row("batching.gather_threshold", kHere, place(&B::gatherThreshold),
            Label::tr("Batching threshold"),
            Label::tr("With more prompts of agents and programs waiting than this, they "
                      "are read at once."))
            .range(0, 10'000),
        row("batching.gather_window_ms", kHere, place(&B::gatherWindow_ms),
            Label::tr("Batching window"),
            Label::tr("The longest such prompts are gathered while answers run. Chats "
                      "never wait."))
            .range(0, 10'000, 10)
            .unit(ms)
            .zero(Label::tr("Do not gather")),
        row("batching.target_itl_ms", kHere, place(&B::targetItl_ms), Label::tr("Target latency"),
            Label::tr("Reading a prompt is to hold up the tokens of running answers no "
                      "longer than this."))
            .range(0, 10'000, 10)
            .unit(ms)
            .zero(Label::tr("Only the ratio counts")),
        row("batching.max_itl_ratio", kHere, place(&B::maxItlRatio), Label::tr("Longest pause"),
            Label::tr("... and no longer than so many times a step without prompts."))
            .range(1, 1000, 0.5),
        row("batching.chunk_tokens", kHere, place(&B::chunkTokens), Label::tr("Chunk budget"),
            Label::tr("Tokens of prompts read in one step beside running answers, at "
                      "most."))
            .range(0, 65'536, 32)
            .unit(Label::tr("tokens"))
            .zero(Label::tr("As the target allows")),
        row("batching.alone_step_ms", kHere, place(&B::aloneStep_ms),
            Label::tr("Step without answers"),
            Label::tr("How long one step may read prompts when no answer runs; Stop is "
                      "heard between steps."))
            .range(1, 60'000, 50)
            .unit(ms),
    };
}

} // namespace

QList<SettingSpec> engineSettings() {
    return modelRows() + formatRows() + memoryRows() + batchingRows();
}

} // namespace app
