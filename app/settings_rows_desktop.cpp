// The rows of settings: chat, caches, API, history, appearance, language.
#include "app/settings_rows.h"

namespace app {

namespace {

using V = SettingsValues;

QList<SettingSpec> samplingRows() {
    using S = SamplingValues;
    constexpr auto kHere = SettingSection::Chat;
    constexpr auto kNeeded = "sampling_overridden";
    const auto place = [](auto field) { return at(&V::sampling, field); };
    return {
        row(kNeeded, kHere, at(&V::samplingOverridden), Label::tr("Use my own values"),
            Label::tr("Otherwise the ones the model's makers publish.")),
        row("sampling.temperature", kHere, place(&S::temperature), Label::tr("Temperature"),
            Label::tr("0 always takes the likeliest token; higher is more varied."))
            .range(0, 5, 0.05)
            .needs(kNeeded),
        row("sampling.top_p", kHere, place(&S::topP), Label::tr("Top-p"),
            Label::tr("Only the likeliest tokens that together have this probability."))
            .range(0.01, 1, 0.05)
            .needs(kNeeded),
        row("sampling.top_k", kHere, place(&S::topK), Label::tr("Top-k"),
            Label::tr("Only so many of the likeliest tokens."))
            .range(0, 100'000)
            .zero(Label::tr("All"))
            .needs(kNeeded),
        row("sampling.min_p", kHere, place(&S::minP), Label::tr("Min-p"),
            Label::tr("Only tokens at least this likely compared with the best one. 0 is off."))
            .range(0, 1, 0.01)
            .needs(kNeeded),
        row("sampling.repetition_penalty", kHere, place(&S::repetitionPenalty),
            Label::tr("Repetition penalty"),
            Label::tr("Above 1 makes tokens that were already used less likely."))
            .range(0.1, 10, 0.05)
            .needs(kNeeded),
        row("sampling.presence_penalty", kHere, place(&S::presencePenalty),
            Label::tr("Presence penalty"),
            Label::tr("Taken from the score of every token that was used at all."))
            .range(-10, 10, 0.1)
            .needs(kNeeded),
        row("sampling.frequency_penalty", kHere, place(&S::frequencyPenalty),
            Label::tr("Frequency penalty"),
            Label::tr("Taken from the score for every time a token was used."))
            .range(-10, 10, 0.1)
            .needs(kNeeded),
        row("random_seed", kHere, at(&V::randomSeed), Label::tr("A new seed for every answer"),
            Label::tr("Off: the same question gets the same answer again, and may get it from the "
                      "cache.")),
        row("sampling.seed", kHere, place(&S::seed), Label::tr("Seed"),
            Label::tr("What the dice begin with."))
            .range(0, 2'147'483'647)
            .needs("!random_seed"),
        row("sampling.max_tokens", kHere, place(&S::maxTokens), Label::tr("Longest answer"),
            Label::tr("Tokens, thinking included."))
            .range(0, 10'000'000, 256)
            .zero(Label::tr("As the context allows")),
        row("sampling.thinking_budget", kHere, place(&S::thinkingBudget),
            Label::tr("Thinking budget"),
            Label::tr("After so many tokens of thinking the answer begins."))
            .range(0, 10'000'000, 256)
            .zero(Label::tr("No limit")),
    };
}

} // namespace

QList<SettingSpec> chatSettings() {
    constexpr auto kHere = SettingSection::Chat;
    const QList<SettingSpec> rows = {
        row("send_key", kHere, at(&V::sendKey), Label::tr("Send with"),
            Label::tr("The other one makes a new line, and so does Shift+Enter."))
            .choices(choicesOf<SendKey>({Label::tr("Enter"), Label::tr("Ctrl+Enter")})),
        row("expand_reasoning", kHere, at(&V::expandReasoning), Label::tr("Show thinking"),
            Label::tr("Keep the reasoning of a model unfolded when it has ended.")),
        row("overflow", kHere, at(&V::overflow), Label::tr("When a chat outgrows the context"),
            Label::tr("Of new chats; each chat can choose for itself. What was left out is always "
                      "shown."))
            .choices(choicesOf<OverflowChoice>({Label::tr("Stop there"),
                                                Label::tr("Leave out the oldest messages"),
                                                Label::tr("Leave out the middle")})),
        row("system_prompt", kHere, at(&V::systemPrompt), Label::tr("System prompt"),
            Label::tr("Said to the model before every chat; empty is the model's own."))
            .kind(SettingKind::Prose),
    };
    return rows + samplingRows();
}

QList<SettingSpec> cacheSettings() {
    using C = CacheValues;
    constexpr auto kHere = SettingSection::Caches;
    constexpr auto kResponses = "caches.responses";
    const auto place = [](auto field) { return at(&V::caches, field); };
    return {
        row("caches.prefixes", kHere, place(&C::prefixes), Label::tr("Prefix cache"),
            Label::tr("Beginnings of prompts that were computed once serve later ones: a second "
                      "turn reads only what is new.")),
        row("caches.recompute_answers", kHere, place(&C::recomputeAnswers),
            Label::tr("Prepare the next turn"),
            Label::tr("While you read, the answer is computed without its thinking, as the next "
                      "turn needs it.")),
        row("caches.prewarm", kHere, place(&C::prewarm), Label::tr("Prewarm"),
            Label::tr("When a model has been loaded, system prompts are computed ahead and the "
                      "most wanted answers taken into memory.")),
        row(kResponses, kHere, place(&C::responses), Label::tr("Response cache"),
            Label::tr("Which answers may be given again to the same question. A hit is marked, "
                      "and computed anew with one click."))
            .choices(choicesOf<ResponseUse>(
                {Label::tr("None"), Label::tr("Seeded and greedy ones"), Label::tr("All")})),
        row("caches.response_life_h", kHere, place(&C::responseLife_h),
            Label::tr("Answers are kept for"), Label::tr("Older ones are computed anew."))
            .range(1, 8760)
            .unit(Label::tr("h")),
        row("caches.response_memory_mb", kHere, place(&C::responseMemory_mb),
            Label::tr("Answers in memory"), Label::tr("Those not used for longest go first."))
            .range(1, 65'536, 16)
            .unit(Label::tr("MB")),
        row("caches.response_disk_mb", kHere, place(&C::responseDisk_mb),
            Label::tr("Answers on disk"), Label::tr("In cache.db of the data folder."))
            .range(1, 1'048'576, 64)
            .unit(Label::tr("MB")),
    };
}

QList<SettingSpec> apiSettings() {
    constexpr auto kHere = SettingSection::Api;
    return {
        row("api_enabled", kHere, at(&V::apiEnabled), Label::tr("Answer other programs"),
            Label::tr("The OpenAI-compatible server, while this window is open. Keys and the log "
                      "are on the page Server.")),
        row("api_host", kHere, at(&V::apiHost), Label::tr("Address"),
            Label::tr("127.0.0.1 is this computer only; 0.0.0.0 is the network too, which needs a "
                      "key."))
            .matching("[^\\s/]{1,255}", Label::tr("an address such as 127.0.0.1")),
        row("api_port", kHere, at(&V::apiPort), Label::tr("Port"),
            Label::tr("Where the server listens."))
            .range(0, 65'535)
            .zero(Label::tr("A free one")),
        row("api_hosts", kHere, at(&V::apiHosts), Label::tr("Names of this computer"),
            Label::tr("Further host names that requests may use, one on each line."))
            .matching("[^\\s/]{1,255}", Label::tr("a host name on each line")),
        row("api_origins", kHere, at(&V::apiOrigins), Label::tr("Web pages that may ask"),
            Label::tr("Their origins, one on each line; none by default."))
            .matching("https?://[^\\s/]{1,255}", Label::tr("origins such as https://example.org")),
    };
}

QList<SettingSpec> desktopSettings() {
    return {
        row("trash_days", SettingSection::History, at(&V::trashDays), Label::tr("Trash"),
            Label::tr("Deleted chats can be brought back for so long; looked at when the program "
                      "starts."))
            .range(1, 3650)
            .unit(Label::tr("days")),
        row("theme", SettingSection::Appearance, at(&V::theme), Label::tr("Theme"),
            Label::tr("Light, dark, or whatever the desktop asks for."))
            .choices(choicesOf<ThemeChoice>(
                {Label::tr("As the system"), Label::tr("Light"), Label::tr("Dark")})),
        row("font_zoom", SettingSection::Appearance, at(&V::fontZoom), Label::tr("Text size"),
            Label::tr("Also Ctrl + and Ctrl − anywhere."))
            .range(50, 200, 10)
            .unit(QStringLiteral("%")),
        row("language", SettingSection::Language, at(&V::language), Label::tr("Language"),
            Label::tr("Of the program; models answer in the language you write."))
            .choices({choice("", Label::tr("As the system")),
                      choice("en", QStringLiteral("English")),
                      choice("zh_CN", QStringLiteral("简体中文"))}),
    };
}

} // namespace app
