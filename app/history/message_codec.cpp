#include "app/history/message_codec.h"

#include <QJsonDocument>
#include <QJsonObject>
#include <SQLiteCpp/Column.h>

namespace app {

namespace {

QJsonObject objectFrom(const QString& json) {
    return QJsonDocument::fromJson(json.toUtf8()).object();
}

QString compact(const QJsonObject& object) {
    return QString::fromUtf8(QJsonDocument(object).toJson(QJsonDocument::Compact));
}

/// A number from the file as one of an enumeration; what is unknown becomes `otherwise`.
template<typename Enum>
Enum enumFrom(int number, Enum last, Enum otherwise) {
    return number >= 0 && number <= int(last) ? Enum(number) : otherwise;
}

} // namespace

QString toJson(const ModelStamp& stamp) {
    return compact({{QLatin1String("name"), stamp.name},
                    {QLatin1String("hash"), stamp.contentHash},
                    {QLatin1String("weights"), stamp.weights},
                    {QLatin1String("activations"), stamp.activations},
                    {QLatin1String("kv"), stamp.kv},
                    {QLatin1String("device"), stamp.device}});
}

ModelStamp modelStampFrom(const QString& json) {
    const QJsonObject object = objectFrom(json);
    const auto text = [&](const char* key) { return object.value(QLatin1String(key)).toString(); };
    return {text("name"),        text("hash"), text("weights"),
            text("activations"), text("kv"),   text("device")};
}

QString toJson(const SamplingValues& s, const AnswerSource& source) {
    QJsonObject object{{QLatin1String("temperature"), s.temperature},
                       {QLatin1String("top_p"), s.topP},
                       {QLatin1String("top_k"), s.topK},
                       {QLatin1String("min_p"), s.minP},
                       {QLatin1String("repetition_penalty"), s.repetitionPenalty},
                       {QLatin1String("presence_penalty"), s.presencePenalty},
                       {QLatin1String("frequency_penalty"), s.frequencyPenalty},
                       // JSON numbers end at 2^53
                       {QLatin1String("seed"), QString::number(s.seed)},
                       {QLatin1String("max_tokens"), s.maxTokens},
                       {QLatin1String("thinking_budget"), s.thinkingBudget}};
    if (source.overflow)
        object[QLatin1String("overflow")] = int(*source.overflow);
    if (source.droppedTokens > 0) {
        object[QLatin1String("dropped_tokens")] = source.droppedTokens;
        object[QLatin1String("dropped_messages")] = source.droppedMessages;
    }
    if (source.isFromCache)
        object[QLatin1String("from_cache")] = true;
    return compact(object);
}

AnswerSource sourceFrom(const QString& json) {
    const QJsonObject object = objectFrom(json);
    AnswerSource source;
    if (object.contains(QLatin1String("overflow")))
        source.overflow = enumFrom(object.value(QLatin1String("overflow")).toInt(),
                                   OverflowChoice::DropMiddle, OverflowChoice::Stop);
    source.droppedTokens = object.value(QLatin1String("dropped_tokens")).toInt();
    source.droppedMessages = object.value(QLatin1String("dropped_messages")).toInt();
    source.isFromCache = object.value(QLatin1String("from_cache")).toBool();
    return source;
}

SamplingValues samplingFrom(const QString& json) {
    const QJsonObject object = objectFrom(json);
    SamplingValues s;
    s.temperature = object.value(QLatin1String("temperature")).toDouble(s.temperature);
    s.topP = object.value(QLatin1String("top_p")).toDouble(s.topP);
    s.topK = object.value(QLatin1String("top_k")).toInt(s.topK);
    s.minP = object.value(QLatin1String("min_p")).toDouble(s.minP);
    s.repetitionPenalty =
        object.value(QLatin1String("repetition_penalty")).toDouble(s.repetitionPenalty);
    s.presencePenalty = object.value(QLatin1String("presence_penalty")).toDouble(s.presencePenalty);
    s.frequencyPenalty =
        object.value(QLatin1String("frequency_penalty")).toDouble(s.frequencyPenalty);
    s.seed = object.value(QLatin1String("seed")).toString().toULongLong();
    s.maxTokens = object.value(QLatin1String("max_tokens")).toInt(s.maxTokens);
    s.thinkingBudget = object.value(QLatin1String("thinking_budget")).toInt(s.thinkingBudget);
    return s;
}

QDateTime timeFrom(qint64 ms) {
    return QDateTime::fromMSecsSinceEpoch(ms).toUTC();
}

qint64 nowMs() {
    return QDateTime::currentMSecsSinceEpoch();
}

QString columnText(SQLite::Statement& row, int column) {
    const SQLite::Column value = row.getColumn(column);
    return QString::fromUtf8(static_cast<const char*>(value.getBlob()), value.getBytes());
}

void bindText(SQLite::Statement& statement, int place, const QString& text) {
    // QByteArray::data() is never null: an empty text is '' and not NULL.
    const QByteArray bytes = text.toUtf8();
    statement.bind(place, std::string(bytes.constData(), size_t(bytes.size())));
}

void bindNumber(SQLite::Statement& statement, int place, qint64 number) {
    statement.bind(place, static_cast<std::int64_t>(number));
}

Message messageFrom(SQLite::Statement& row) {
    Message m;
    m.id = row.getColumn(0).getInt64();
    m.conversation = row.getColumn(1).getInt64();
    m.parent = row.getColumn(2).getInt64();
    m.role = enumFrom(row.getColumn(3).getInt(), Role::Assistant, Role::User);
    m.state =
        enumFrom(row.getColumn(4).getInt(), MessageState::Interrupted, MessageState::Interrupted);
    m.text = columnText(row, 5);
    m.reasoning = columnText(row, 6);
    m.created = timeFrom(row.getColumn(7).getInt64());
    m.stopReason = enumFrom(row.getColumn(8).getInt(), StopReason::Interrupted, StopReason::None);
    m.stopString = columnText(row, 9);
    m.error = columnText(row, 10);
    m.model = modelStampFrom(columnText(row, 11));
    m.sampling = samplingFrom(columnText(row, 12));
    m.source = sourceFrom(columnText(row, 12));
    if (!row.getColumn(13).isNull()) {
        AnswerStats s;
        s.promptTokens = row.getColumn(13).getInt();
        s.cachedTokens = row.getColumn(14).getInt();
        s.generatedTokens = row.getColumn(15).getInt();
        s.reasoningTokens = row.getColumn(16).getInt();
        s.queueWait_us = row.getColumn(17).getInt64();
        s.ttft_us = row.getColumn(18).getInt64();
        s.reasoning_us = row.getColumn(19).getInt64();
        s.decode_us = row.getColumn(20).getInt64();
        m.stats = s;
    }
    return m;
}

Conversation conversationFrom(SQLite::Statement& row) {
    Conversation c;
    c.id = row.getColumn(0).getInt64();
    c.title = columnText(row, 1);
    c.created = timeFrom(row.getColumn(2).getInt64());
    c.updated = timeFrom(row.getColumn(3).getInt64());
    c.pinned = row.getColumn(4).getInt() != 0;
    return c;
}

} // namespace app
