#pragma once
// ApiKeys: who may use the API, and how much each did. Keys are made here from 256 random bits and
// shown once; the file keeps a salted hash (HMAC-SHA-256), which for such a key no dictionary can
// turn back, and costs a microsecond a request. Any thread.

#include "app/json_store.h"

#include <mutex>
#include <optional>
#include <QByteArray>
#include <QDateTime>
#include <QList>
#include <QString>
#include <string>
#include <string_view>

namespace app {

struct ApiKeyValue {
    QString id;   ///< 8 hex digits, part of the key
    QString name; ///< as the person called it
    QDateTime created;
    QDateTime lastUsed; ///< invalid: never
    quint64 requests = 0;
    quint64 promptTokens = 0;
    quint64 generatedTokens = 0;
};

class ApiKeys {
  public:
    /// `file` is read and written (0600); empty: memory only.
    explicit ApiKeys(QString file);

    /// SettingsDamaged when the file could not be understood (it is kept aside), FileCannotOpen or
    /// FileCannotRead when it stays unread. Then nobody has a key, and a server beyond this
    /// computer does not start.
    engine::Status load();
    /// Makes a key: the only time its text is known. Not OK when it could not be stored.
    engine::Result<QString> create(const QString& name);
    /// Refuses the key from now on. Not OK when that could not be stored: it would be good again
    /// after a restart unless save() succeeds before. No such key is OK.
    engine::Status revoke(const QString& id);
    /// Without this key there would be none.
    bool isLast(const QString& id) const;
    QList<ApiKeyValue> list() const;

    /// A key of the command line: for as long as the program runs, never on disk.
    void setSessionKey(std::string_view key);
    bool any() const;
    /// The client a key belongs to: "key:<id>", or "key:session-<fingerprint>". Takes as long for a
    /// wrong key as for a right one.
    std::optional<std::string> clientOf(std::string_view key) const;
    /// What a client that clientOf() told is called: the key's name; any other word stays.
    QString nameOf(const QString& client) const;
    /// Counts a request of a client. The file follows with save().
    void count(const std::string& client, quint64 promptTokens, quint64 generatedTokens);
    /// Writes what has changed; false when the disk did not take it.
    bool save();

  private:
    struct Entry {
        ApiKeyValue value;
        QByteArray salt;
        QByteArray hash;
    };
    engine::Status write(const QList<Entry>& entries) const;

    mutable std::mutex m_mutex; // guards what follows
    JsonStore m_store;
    QList<Entry> m_entries;
    std::optional<Entry> m_session;
    bool m_changed = false;
};

} // namespace app
