#pragma once
// QualityController: measures what smaller weights cost a model, on a text of the user's choice:
// the original and each version read it side by side, in the background. GUI thread.

#include <atomic>
#include <memory>
#include <QList>
#include <QMetaType>
#include <QObject>
#include <QThreadPool>

namespace app {

/// A version to compare with the original.
struct QualityVersion {
    QString path;    // the original's, or a converted file's
    QString weights; // loaded as; empty = as the file holds them
};

struct QualityQuestion {
    QString path;     // the original
    QString textFile; // empty: a sample text in English and Chinese
    QList<QualityVersion> versions;
};

/// One line of the result; the first one is the original.
struct QualityRow {
    QString path;
    QString weights; // as loaded
    quint64 file_bytes = 0;
    quint64 memory_bytes = 0; // of the weights
    double perplexity = 0;
    double kl = 0; // nats a token; of the original 0
    double klWorst = 0;
    double top1Agreement = 1;
    double tokensPerSecond = 0;
};

struct QualityReport {
    QualityQuestion question;
    QString device;
    quint64 tokens = 0;
    QList<QualityRow> rows;
};

class QualityController : public QObject {
    Q_OBJECT

  public:
    explicit QualityController(QObject* parent = nullptr);
    ~QualityController() override; ///< cancels and joins

    /// The original that is being measured; empty: none is.
    const QString& path() const { return m_path; }
    bool isRunning() const { return !m_path.isEmpty(); }

  public slots:
    /// Ignored while one runs.
    void measure(const app::QualityQuestion& question);
    void cancel();

  signals:
    void runningChanged(bool isRunning);
    void progressed(int permille);
    /// After each version: what is known so far.
    void reportChanged(const app::QualityReport& report);
    void failed(const QString& path, const QString& sentence);

  private:
    void end();

    QString m_path;
    std::shared_ptr<std::atomic<bool>> m_stop;
    QThreadPool m_pool; // one thread
};

} // namespace app

Q_DECLARE_METATYPE(app::QualityReport)
