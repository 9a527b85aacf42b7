#include "app/exchange/chat_json.h"

#include "app/history/message_codec.h"

#include <algorithm>
#include <array>
#include <limits>
#include <QCoreApplication>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QSet>

namespace app {

namespace {

struct Exchange {
    Q_DECLARE_TR_FUNCTIONS(app::Exchange)
};

constexpr qsizetype kLongestTitle = 200; // characters; more is no title, and slow to show

// In the order of the enumerations.
constexpr std::array kRoles = {"system", "user", "assistant"};
constexpr std::array kStopReasons = {"",        "end",       "stop_string", "max_tokens",
                                     "context", "cancelled", "failed",      "interrupted"};

template<typename Enum, std::size_t kCount>
QString nameOf(const std::array<const char*, kCount>& names, Enum value) {
    return QLatin1String(names[static_cast<std::size_t>(value)]);
}

template<typename Enum, std::size_t kCount>
std::optional<Enum> fromName(const std::array<const char*, kCount>& names, const QString& name) {
    for (std::size_t i = 0; i < kCount; ++i)
        if (name == QLatin1String(names[i]))
            return static_cast<Enum>(i);
    return std::nullopt;
}

QString timeText(const QDateTime& time) {
    return time.toUTC().toString(Qt::ISODateWithMs);
}

QJsonObject parsed(const QString& json) {
    return QJsonDocument::fromJson(json.toUtf8()).object();
}

QString text(const QJsonObject& object, const char* key) {
    return object.value(QLatin1String(key)).toString();
}

QString compact(const QJsonValue& object) {
    return QString::fromUtf8(QJsonDocument(object.toObject()).toJson(QJsonDocument::Compact));
}

QJsonObject toObject(const AnswerStats& s) {
    return {{QStringLiteral("prompt_tokens"), s.promptTokens},
            {QStringLiteral("cached_tokens"), s.cachedTokens},
            {QStringLiteral("generated_tokens"), s.generatedTokens},
            {QStringLiteral("reasoning_tokens"), s.reasoningTokens},
            {QStringLiteral("queue_wait_us"), s.queueWait_us},
            {QStringLiteral("ttft_us"), s.ttft_us},
            {QStringLiteral("reasoning_us"), s.reasoning_us},
            {QStringLiteral("decode_us"), s.decode_us}};
}

/// Counts and times that cannot be are the nearest that can.
AnswerStats statsFrom(const QJsonObject& object) {
    const auto number = [&](const char* key) {
        return std::max<qint64>(object.value(QLatin1String(key)).toInteger(), 0);
    };
    const auto count = [&](const char* key) {
        return int(std::min<qint64>(number(key), std::numeric_limits<int>::max()));
    };
    AnswerStats s;
    s.promptTokens = count("prompt_tokens");
    s.cachedTokens = count("cached_tokens");
    s.generatedTokens = count("generated_tokens");
    s.reasoningTokens = count("reasoning_tokens");
    s.queueWait_us = number("queue_wait_us");
    s.ttft_us = number("ttft_us");
    s.reasoning_us = number("reasoning_us");
    s.decode_us = number("decode_us");
    return s;
}

/// An answer that is being written ends here as one that was interrupted.
QJsonObject toObject(const Message& m) {
    const bool isOpen = m.state == MessageState::Streaming;
    const bool isCut = isOpen || m.state == MessageState::Interrupted;
    QJsonObject object{{QStringLiteral("id"), m.id},
                       {QStringLiteral("parent"), m.parent},
                       {QStringLiteral("role"), nameOf(kRoles, m.role)},
                       {QStringLiteral("created"), timeText(m.created)},
                       {QStringLiteral("text"), m.text}};
    if (m.role != Role::Assistant)
        return object;
    object[QLatin1String("reasoning")] = m.reasoning;
    object[QLatin1String("interrupted")] = isCut;
    object[QLatin1String("stop_reason")] =
        nameOf(kStopReasons, isOpen ? StopReason::Interrupted : m.stopReason);
    object[QLatin1String("stop_string")] = m.stopString;
    object[QLatin1String("error")] = m.error;
    object[QLatin1String("model")] = parsed(toJson(m.model));
    object[QLatin1String("sampling")] = parsed(toJson(m.sampling, m.source));
    if (m.stats)
        object[QLatin1String("stats")] = toObject(*m.stats);
    return object;
}

QJsonObject toObject(const StoredConversation& chat) {
    QJsonArray messages;
    for (const Message& message : chat.messages)
        messages.append(toObject(message));
    return {{QStringLiteral("title"), chat.conversation.title},
            {QStringLiteral("created"), timeText(chat.conversation.created)},
            {QStringLiteral("updated"), timeText(chat.conversation.updated)},
            {QStringLiteral("pinned"), chat.conversation.pinned},
            {QStringLiteral("shown"), chat.leaf},
            {QStringLiteral("messages"), messages}};
}

/// A time that cannot be read is that of `otherwise`.
QDateTime timeOf(const QJsonObject& object, const char* key, const QDateTime& otherwise) {
    const QDateTime time = QDateTime::fromString(text(object, key), Qt::ISODateWithMs);
    return time.isValid() ? time.toUTC() : otherwise;
}

std::optional<Message> messageFrom(const QJsonObject& object, const QDateTime& now) {
    const auto role = fromName<Role>(kRoles, text(object, "role"));
    if (!role)
        return std::nullopt;
    Message m;
    m.id = object.value(QLatin1String("id")).toInteger();
    m.parent = object.value(QLatin1String("parent")).toInteger();
    m.role = *role;
    m.created = timeOf(object, "created", now);
    m.text = text(object, "text");
    if (m.role != Role::Assistant)
        return m;
    m.reasoning = text(object, "reasoning");
    m.state = object.value(QLatin1String("interrupted")).toBool() ? MessageState::Interrupted
                                                                  : MessageState::Done;
    m.stopReason =
        fromName<StopReason>(kStopReasons, text(object, "stop_reason")).value_or(StopReason::None);
    m.stopString = text(object, "stop_string");
    m.error = text(object, "error");
    m.model = modelStampFrom(compact(object.value(QLatin1String("model"))));
    const QString sampling = compact(object.value(QLatin1String("sampling")));
    m.sampling = samplingFrom(sampling);
    m.source = sourceFrom(sampling);
    if (object.value(QLatin1String("stats")).isObject())
        m.stats = statsFrom(object.value(QLatin1String("stats")).toObject());
    return m;
}

/// What is wrong with it, or nothing.
QString read(const QJsonObject& object, int number, StoredConversation& chat) {
    const QDateTime now = timeFrom(nowMs());
    chat.conversation.title = text(object, "title").simplified().left(kLongestTitle);
    if (chat.conversation.title.isEmpty())
        chat.conversation.title = Exchange::tr("Chat %1").arg(number);
    chat.conversation.created = timeOf(object, "created", now);
    chat.conversation.updated = timeOf(object, "updated", chat.conversation.created);
    chat.conversation.pinned = object.value(QLatin1String("pinned")).toBool();
    chat.leaf = object.value(QLatin1String("shown")).toInteger();
    QSet<MessageId> known;
    for (const QJsonValue& value : object.value(QLatin1String("messages")).toArray()) {
        const auto message = messageFrom(value.toObject(), now);
        const int place = int(chat.messages.size()) + 1;
        if (!message)
            return Exchange::tr("message %1 of chat %2 does not say whose it is")
                .arg(place)
                .arg(number);
        if (message->id <= 0 || known.contains(message->id) ||
            (message->parent != 0 && !known.contains(message->parent)))
            return Exchange::tr("message %1 of chat %2 has no place in it").arg(place).arg(number);
        known.insert(message->id);
        chat.messages.append(*message);
    }
    return {};
}

} // namespace

QByteArray chatsToJson(const QList<StoredConversation>& chats) {
    QJsonArray all;
    for (const StoredConversation& chat : chats)
        all.append(toObject(chat));
    const QJsonObject document{
        {QStringLiteral("format"), QLatin1String(kChatsFormat)},
        {QStringLiteral("version"), kChatsVersion},
        {QStringLiteral("program"), QStringLiteral("Inglenook " INGLENOOK_VERSION)},
        {QStringLiteral("chats"), all}};
    return QJsonDocument(document).toJson(QJsonDocument::Indented);
}

ReadChats chatsFromJson(const QByteArray& json) {
    QJsonParseError error;
    const QJsonObject document = QJsonDocument::fromJson(json, &error).object();
    if (error.error != QJsonParseError::NoError)
        return {{}, Exchange::tr("it is no whole JSON (%1)").arg(error.errorString())};
    if (text(document, "format") != QLatin1String(kChatsFormat))
        return {{}, Exchange::tr("it was not exported by Inglenook")};
    if (document.value(QLatin1String("version")).toInt() > kChatsVersion)
        return {{}, Exchange::tr("a newer Inglenook has exported it")};
    ReadChats result;
    for (const QJsonValue& value : document.value(QLatin1String("chats")).toArray()) {
        StoredConversation chat;
        const QString problem = read(value.toObject(), int(result.chats.size()) + 1, chat);
        if (!problem.isEmpty())
            return {{}, problem};
        result.chats.append(std::move(chat));
    }
    if (result.chats.isEmpty())
        result.problem = Exchange::tr("it holds none");
    return result;
}

} // namespace app
