#pragma once
// FileHasher: SHA-256 of whole model files, one after the other on a thread of the lowest priority.

#include <atomic>
#include <QHash>
#include <QObject>
#include <QSet>
#include <QThreadPool>

namespace app {

class FileHasher : public QObject {
    Q_OBJECT

  public:
    explicit FileHasher(QObject* parent = nullptr);
    ~FileHasher() override; ///< stops and joins

    /// A file that is queued or running is not asked for twice.
    void hash(const QString& file);
    bool isAsked(const QString& file) const { return m_asked.contains(file); }

  signals:
    // On the thread of this object.
    void progressed(const QString& file, quint64 done_bytes, quint64 total_bytes);
    /// Empty: it could not be read, or changed meanwhile.
    void hashed(const QString& file, const QString& sha256);

  private:
    void run(const QString& file);

    QSet<QString> m_asked;
    std::atomic<bool> m_stop = false;
    QThreadPool m_pool; // one thread
};

} // namespace app
