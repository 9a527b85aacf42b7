#pragma once
// ConversionController: writes a model of the library as a smaller GGUF into the program's own
// folder, in the background, one at a time. Others can open the file. GUI thread.

#include <atomic>
#include <memory>
#include <QMetaType>
#include <QObject>
#include <QStringList>
#include <QThreadPool>

namespace app {

struct ConversionResult {
    QString source;
    QString out; // the new file
    quint64 input_bytes = 0;
    quint64 output_bytes = 0;
    QStringList keptTensors; // left in F16
};

class ConversionController : public QObject {
    Q_OBJECT

  public:
    explicit ConversionController(QString folder, QObject* parent = nullptr);
    ~ConversionController() override; ///< cancels and joins

    /// What runs; empty = nothing does.
    const QString& source() const { return m_source; }
    /// Where a conversion of `source` to `weights` is written.
    QString targetOf(const QString& source, const QString& weights) const;

  public slots:
    /// `source`: a GGUF or a Hugging Face folder; `weights`: int8 or int4. Refused with a sentence
    /// when one runs, the file is there already, or the disk has no room for it.
    void convert(const QString& source, const QString& weights);
    void cancel();

  signals:
    void started(const QString& source);
    void progressed(const QString& source, quint64 done_bytes, quint64 total_bytes);
    void finished(const app::ConversionResult& result);
    /// `sentence` is empty when it was cancelled.
    void failed(const QString& source, const QString& sentence);

  private:
    void end();

    const QString m_folder;
    QString m_source;
    std::shared_ptr<std::atomic<bool>> m_stop;
    QThreadPool m_pool; // one thread
};

} // namespace app

Q_DECLARE_METATYPE(app::ConversionResult)
