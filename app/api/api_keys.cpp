#include "app/api/api_keys.h"

#include <algorithm>
#include <QCryptographicHash>
#include <QJsonArray>
#include <QJsonObject>
#include <QMessageAuthenticationCode>
#include <QPasswordDigestor>
#include <QRandomGenerator>

namespace app {

namespace {

constexpr qint64 kMostFileBytes = 1 << 20;
constexpr int kSecretBytes = 32;
constexpr int kSaltBytes = 16;
constexpr int kIdBytes = 4;
constexpr std::size_t kLongestKey = 256;
constexpr int kFingerprintRounds = 10'000;

QByteArray randomBytes(int count) {
    QByteArray bytes(count, '\0');
    QRandomGenerator* random = QRandomGenerator::system();
    for (char& byte : bytes)
        byte = char(random->bounded(256));
    return bytes;
}

QByteArray hashOf(std::string_view key, const QByteArray& salt) {
    return QMessageAuthenticationCode::hash(QByteArray(key.data(), qsizetype(key.size())), salt,
                                            QCryptographicHash::Sha256);
}

/// Looks at every byte, whatever the first ones say.
bool sameBytes(const QByteArray& a, const QByteArray& b) {
    if (a.size() != b.size())
        return false;
    unsigned different = 0;
    for (qsizetype i = 0; i < a.size(); ++i)
        different |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
    return different == 0;
}

/// Tells keys of command lines apart: the answers to each are its own in caches that outlive the
/// program. Too short to be the key, and too slow to be guessed from.
QByteArray fingerprintOf(std::string_view key) {
    return QPasswordDigestor::deriveKeyPbkdf2(
               QCryptographicHash::Sha256, QByteArray(key.data(), qsizetype(key.size())),
               QByteArrayLiteral("Inglenook session key"), kFingerprintRounds, kIdBytes)
        .toHex();
}

QJsonObject toJson(const ApiKeyValue& value, const QByteArray& salt, const QByteArray& hash) {
    return {{QStringLiteral("id"), value.id},
            {QStringLiteral("name"), value.name},
            {QStringLiteral("created"), value.created.toString(Qt::ISODate)},
            {QStringLiteral("last_used"), value.lastUsed.toString(Qt::ISODate)},
            {QStringLiteral("requests"), qint64(value.requests)},
            {QStringLiteral("prompt_tokens"), qint64(value.promptTokens)},
            {QStringLiteral("generated_tokens"), qint64(value.generatedTokens)},
            {QStringLiteral("salt"), QString::fromLatin1(salt.toHex())},
            {QStringLiteral("hash"), QString::fromLatin1(hash.toHex())}};
}

} // namespace

ApiKeys::ApiKeys(QString file)
    : m_store(std::move(file), kMostFileBytes, JsonStore::Readers::OwnerOnly) {}

engine::Status ApiKeys::load() {
    const std::lock_guard lock(m_mutex);
    if (m_store.path().isEmpty())
        return {};
    const engine::Result<QJsonDocument> document = m_store.read();
    if (!document.ok() && document.status() != engine::Code::JsonInvalid)
        return document.status();
    bool understood = document.ok() && !document->isObject();
    QList<Entry> entries;
    for (const QJsonValue& each : understood ? document->array() : QJsonArray()) {
        const QJsonObject json = each.toObject();
        const auto text = [&](const char* name) {
            return json.value(QLatin1String(name)).toString();
        };
        const auto count = [&](const char* name) {
            return quint64(std::max<qint64>(json.value(QLatin1String(name)).toInteger(), 0));
        };
        Entry entry;
        entry.value = {text("id"),
                       text("name"),
                       QDateTime::fromString(text("created"), Qt::ISODate),
                       QDateTime::fromString(text("last_used"), Qt::ISODate),
                       count("requests"),
                       count("prompt_tokens"),
                       count("generated_tokens")};
        entry.salt = QByteArray::fromHex(text("salt").toLatin1());
        entry.hash = QByteArray::fromHex(text("hash").toLatin1());
        understood = understood && !entry.value.id.isEmpty() && entry.salt.size() == kSaltBytes &&
                     entry.hash.size() == 32;
        entries.append(entry);
    }
    if (!understood)
        return m_store.putAside();
    m_entries = entries;
    return {};
}

engine::Result<QString> ApiKeys::create(const QString& name) {
    Entry entry;
    entry.value.id = QString::fromLatin1(randomBytes(kIdBytes).toHex());
    entry.value.name = name;
    entry.value.created = QDateTime::currentDateTimeUtc();
    entry.salt = randomBytes(kSaltBytes);
    const QByteArray secret =
        randomBytes(kSecretBytes)
            .toBase64(QByteArray::Base64UrlEncoding | QByteArray::OmitTrailingEquals);
    const QByteArray key = "ink-" + entry.value.id.toLatin1() + "-" + secret;
    entry.hash = hashOf(std::string_view(key.constData(), std::size_t(key.size())), entry.salt);
    const std::lock_guard lock(m_mutex);
    m_entries.append(entry);
    if (const engine::Status status = write(m_entries); !status.ok()) {
        m_entries.removeLast();
        return status;
    }
    return QString::fromLatin1(key);
}

engine::Status ApiKeys::revoke(const QString& id) {
    const std::lock_guard lock(m_mutex);
    const auto removed =
        m_entries.removeIf([&](const Entry& entry) { return entry.value.id == id; });
    if (removed == 0)
        return {};
    // From now on it is refused here; save() tries again where the disk did not take the file.
    engine::Status status = write(m_entries);
    m_changed = !status.ok();
    return status;
}

bool ApiKeys::isLast(const QString& id) const {
    const std::lock_guard lock(m_mutex);
    return !m_session && m_entries.size() == 1 && m_entries.first().value.id == id;
}

QList<ApiKeyValue> ApiKeys::list() const {
    const std::lock_guard lock(m_mutex);
    QList<ApiKeyValue> values;
    for (const Entry& entry : m_entries)
        values.append(entry.value);
    return values;
}

void ApiKeys::setSessionKey(std::string_view key) {
    const std::lock_guard lock(m_mutex);
    m_session.reset();
    if (key.empty())
        return;
    Entry entry;
    entry.value.id = QStringLiteral("session-") + QString::fromLatin1(fingerprintOf(key));
    entry.salt = randomBytes(kSaltBytes);
    entry.hash = hashOf(key, entry.salt);
    m_session = std::move(entry);
}

bool ApiKeys::any() const {
    const std::lock_guard lock(m_mutex);
    return m_session.has_value() || !m_entries.isEmpty();
}

std::optional<std::string> ApiKeys::clientOf(std::string_view key) const {
    const std::string_view bounded = key.substr(0, kLongestKey);
    const std::lock_guard lock(m_mutex);
    std::optional<std::string> client;
    const auto look = [&](const Entry& entry) {
        const bool same = sameBytes(hashOf(bounded, entry.salt), entry.hash);
        if (same && key.size() <= kLongestKey)
            client = "key:" + entry.value.id.toStdString();
    };
    for (const Entry& entry : m_entries)
        look(entry);
    if (m_session)
        look(*m_session);
    return client;
}

QString ApiKeys::nameOf(const QString& client) const {
    const std::lock_guard lock(m_mutex);
    for (const Entry& entry : m_entries)
        if (client == QLatin1String("key:") + entry.value.id && !entry.value.name.isEmpty())
            return entry.value.name;
    return client;
}

void ApiKeys::count(const std::string& client, quint64 promptTokens, quint64 generatedTokens) {
    const std::lock_guard lock(m_mutex);
    for (Entry& entry : m_entries) {
        if (client != "key:" + entry.value.id.toStdString())
            continue;
        ++entry.value.requests;
        entry.value.promptTokens += promptTokens;
        entry.value.generatedTokens += generatedTokens;
        entry.value.lastUsed = QDateTime::currentDateTimeUtc();
        m_changed = true;
    }
}

bool ApiKeys::save() {
    const std::lock_guard lock(m_mutex);
    if (!m_changed)
        return true;
    m_changed = !write(m_entries).ok();
    return !m_changed;
}

engine::Status ApiKeys::write(const QList<Entry>& entries) const {
    if (m_store.path().isEmpty())
        return {};
    QJsonArray array;
    for (const Entry& entry : entries)
        array.append(toJson(entry.value, entry.salt, entry.hash));
    return m_store.write(QJsonDocument(array));
}

} // namespace app
