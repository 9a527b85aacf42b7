#include "app/library/library_json.h"

#include "app/json_store.h"
#include "app/messages.h"

#include <algorithm>
#include <QJsonArray>

namespace app {

namespace {

constexpr int kCacheVersion = 1; // another reader of models: everything is read anew
constexpr qint64 kMostCacheBytes = 64 << 20;

QJsonObject toJson(const SamplingValues& s) {
    return {{QStringLiteral("temperature"), s.temperature},
            {QStringLiteral("top_p"), s.topP},
            {QStringLiteral("top_k"), s.topK},
            {QStringLiteral("min_p"), s.minP},
            {QStringLiteral("repetition_penalty"), s.repetitionPenalty},
            {QStringLiteral("presence_penalty"), s.presencePenalty},
            {QStringLiteral("frequency_penalty"), s.frequencyPenalty}};
}

SamplingValues samplingFrom(const QJsonObject& json) {
    SamplingValues s;
    const auto number = [&](const char* key, double otherwise, double low, double high) {
        const double value = json.value(QLatin1String(key)).toDouble(otherwise);
        return value >= low && value <= high ? value : otherwise;
    };
    s.temperature = number("temperature", s.temperature, 0, 5);
    s.topP = number("top_p", s.topP, 0.01, 1);
    s.topK = int(number("top_k", s.topK, 0, 100'000));
    s.minP = number("min_p", s.minP, 0, 1);
    s.repetitionPenalty = number("repetition_penalty", s.repetitionPenalty, 0.1, 10);
    s.presencePenalty = number("presence_penalty", s.presencePenalty, -10, 10);
    s.frequencyPenalty = number("frequency_penalty", s.frequencyPenalty, -10, 10);
    return s;
}

QJsonObject toJson(const ModelMarks& marks) {
    QJsonObject json;
    if (marks.isFavourite)
        json[QLatin1String("favourite")] = true;
    if (!marks.note.isEmpty())
        json[QLatin1String("note")] = marks.note;
    const ModelDefaults& defaults = marks.defaults;
    if (defaults.sampling)
        json[QLatin1String("sampling")] = toJson(*defaults.sampling);
    if (!defaults.systemPrompt.isEmpty())
        json[QLatin1String("system_prompt")] = defaults.systemPrompt;
    if (!defaults.kv.isEmpty())
        json[QLatin1String("kv")] = defaults.kv;
    if (defaults.contextTokens > 0)
        json[QLatin1String("context_tokens")] = defaults.contextTokens;
    return json;
}

ModelMarks marksFrom(const QJsonObject& json) {
    ModelMarks marks;
    marks.isFavourite = json.value(QLatin1String("favourite")).toBool();
    marks.note = json.value(QLatin1String("note")).toString();
    if (json.contains(QLatin1String("sampling")))
        marks.defaults.sampling = samplingFrom(json.value(QLatin1String("sampling")).toObject());
    marks.defaults.systemPrompt = json.value(QLatin1String("system_prompt")).toString();
    marks.defaults.kv = json.value(QLatin1String("kv")).toString();
    marks.defaults.contextTokens = std::max(0, json.value(QLatin1String("context_tokens")).toInt());
    return marks;
}

QJsonArray toJson(const QList<ModelFile>& files) {
    QJsonArray json;
    for (const ModelFile& file : files)
        json.append(QJsonObject{{QStringLiteral("name"), file.name},
                                {QStringLiteral("bytes"), qint64(file.bytes)},
                                {QStringLiteral("modified_ms"), file.modified_ms},
                                {QStringLiteral("sha256"), file.sha256}});
    return json;
}

QList<ModelFile> filesFrom(const QJsonValue& value) {
    QList<ModelFile> files;
    for (const QJsonValue& each : value.toArray())
        files.append({each[QLatin1String("name")].toString(),
                      quint64(each[QLatin1String("bytes")].toInteger()),
                      each[QLatin1String("modified_ms")].toInteger(),
                      each[QLatin1String("sha256")].toString()});
    return files;
}

QJsonObject toJson(const ModelCard& card) {
    return {{QStringLiteral("path"), card.path},
            {QStringLiteral("root"), card.root},
            {QStringLiteral("id"), card.id},
            {QStringLiteral("name"), card.name},
            {QStringLiteral("family"), card.family},
            {QStringLiteral("base_model"), card.baseModel},
            {QStringLiteral("distilled"), card.isDistilled},
            {QStringLiteral("architecture"), card.architecture},
            {QStringLiteral("parameters"), qint64(card.parameters)},
            {QStringLiteral("format"), card.format},
            {QStringLiteral("file_type"), card.fileType},
            {QStringLiteral("context_tokens"), card.contextTokens},
            {QStringLiteral("layers"), card.layers},
            {QStringLiteral("hidden_size"), card.hiddenSize},
            {QStringLiteral("heads"), card.heads},
            {QStringLiteral("kv_heads"), card.kvHeads},
            {QStringLiteral("licence"), card.licence},
            {QStringLiteral("reasoner"), card.isReasoner},
            {QStringLiteral("tokenizer"), card.hasTokenizer},
            {QStringLiteral("sampling"), toJson(card.published)},
            {QStringLiteral("sampling_source"), int(card.samplingSource)},
            {QStringLiteral("files"), toJson(card.files)},
            {QStringLiteral("content_hash"), card.contentHash}};
}

ModelCard cardFrom(const QJsonObject& json) {
    const auto text = [&](const char* key) { return json.value(QLatin1String(key)).toString(); };
    const auto number = [&](const char* key) { return json.value(QLatin1String(key)).toInt(); };
    ModelCard card;
    card.path = text("path");
    card.root = text("root");
    card.id = text("id");
    card.name = text("name");
    card.family = text("family");
    card.baseModel = text("base_model");
    card.isDistilled = json.value(QLatin1String("distilled")).toBool();
    card.architecture = text("architecture");
    card.parameters = quint64(json.value(QLatin1String("parameters")).toInteger());
    card.format = text("format");
    card.fileType = text("file_type");
    card.contextTokens = number("context_tokens");
    card.layers = number("layers");
    card.hiddenSize = number("hidden_size");
    card.heads = number("heads");
    card.kvHeads = number("kv_heads");
    card.licence = text("licence");
    card.isReasoner = json.value(QLatin1String("reasoner")).toBool();
    card.hasTokenizer = json.value(QLatin1String("tokenizer")).toBool(true);
    card.published = samplingFrom(json.value(QLatin1String("sampling")).toObject());
    card.samplingSource =
        SamplingSource(std::clamp(number("sampling_source"), 0, int(SamplingSource::Ours)));
    card.files = filesFrom(json.value(QLatin1String("files")));
    card.contentHash = text("content_hash");
    return card;
}

QJsonObject toJson(const engine::Status& status) {
    QJsonObject arguments;
    for (const engine::StatusArgument& argument : status.arguments())
        arguments[QString::fromStdString(argument.name)] = QString::fromStdString(argument.value);
    const std::string_view code = engine::codeName(status.code());
    return {{QStringLiteral("code"), QString::fromUtf8(code.data(), qsizetype(code.size()))},
            {QStringLiteral("arguments"), arguments}};
}

/// OK for a code that this version does not have: the model is then looked at anew.
engine::Status statusFrom(const QJsonObject& json) {
    const std::string name = json.value(QLatin1String("code")).toString().toStdString();
    const QJsonObject arguments = json.value(QLatin1String("arguments")).toObject();
    for (int i = 0; i < engine::codeCount(); ++i) {
        if (engine::codeName(static_cast<engine::Code>(i)) != name)
            continue;
        engine::Status status{static_cast<engine::Code>(i)};
        for (auto it = arguments.begin(); it != arguments.end(); ++it)
            (void)std::move(status).with(it.key().toStdString(),
                                         it.value().toString().toStdString());
        return status;
    }
    return {};
}

} // namespace

QString RejectedModel::sentence() const {
    return app::sentence(reason);
}

LibraryChoices choicesFrom(const QJsonObject& json) {
    LibraryChoices choices;
    for (const QJsonValue& folder : json.value(QLatin1String("folders")).toArray())
        if (folder.isString() && !choices.folders.contains(folder.toString()))
            choices.folders.append(folder.toString());
    const QJsonObject models = json.value(QLatin1String("models")).toObject();
    for (auto it = models.begin(); it != models.end(); ++it)
        choices.marks.insert(it.key(), marksFrom(it.value().toObject()));
    return choices;
}

QJsonObject toJson(const LibraryChoices& choices) {
    QJsonObject models;
    for (auto it = choices.marks.begin(); it != choices.marks.end(); ++it)
        if (!it.value().isEmpty())
            models[it.key()] = toJson(it.value());
    return {{QStringLiteral("folders"), QJsonArray::fromStringList(choices.folders)},
            {QStringLiteral("models"), models}};
}

LibraryFinds readFinds(const QString& file) {
    LibraryFinds finds;
    const auto stored = JsonStore(file, kMostCacheBytes).read();
    const QJsonObject json = stored.ok() ? stored->object() : QJsonObject();
    if (json.value(QLatin1String("version")).toInt() != kCacheVersion)
        return finds;
    for (const QJsonValue& each : json.value(QLatin1String("cards")).toArray())
        finds.cards.append(cardFrom(each.toObject()));
    for (const QJsonValue& each : json.value(QLatin1String("rejected")).toArray()) {
        const QJsonObject object = each.toObject();
        RejectedModel rejected;
        rejected.path = object.value(QLatin1String("path")).toString();
        rejected.root = object.value(QLatin1String("root")).toString();
        rejected.files = filesFrom(object.value(QLatin1String("files")));
        rejected.reason = statusFrom(object.value(QLatin1String("reason")).toObject());
        if (!rejected.reason.ok())
            finds.rejected.append(rejected);
    }
    return finds;
}

engine::Status writeFinds(const QString& file, const LibraryFinds& finds) {
    QJsonArray cards;
    for (const ModelCard& card : finds.cards)
        cards.append(toJson(card));
    QJsonArray rejected;
    for (const RejectedModel& each : finds.rejected)
        rejected.append(QJsonObject{{QStringLiteral("path"), each.path},
                                    {QStringLiteral("root"), each.root},
                                    {QStringLiteral("files"), toJson(each.files)},
                                    {QStringLiteral("reason"), toJson(each.reason)}});
    const QJsonObject json{{QStringLiteral("version"), kCacheVersion},
                           {QStringLiteral("cards"), cards},
                           {QStringLiteral("rejected"), rejected}};
    return JsonStore(file).write(QJsonDocument(json));
}

} // namespace app
