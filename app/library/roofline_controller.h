#pragma once
// RooflineController: measures where a model's time goes, in the background. GUI thread.
//
// What it costs while it runs: the model is loaded a second time, beside what is loaded already
// (refused with figures where that does not fit), memory bandwidth is read over one further
// gigabyte, and all cores of the device are busy for some seconds, so that answers under way become
// slower and figures taken beside them worse. When nothing is being measured it costs nothing: the
// stages of real answers are not timed.

#include "app/library/roofline.h"

#include <atomic>
#include <memory>
#include <QHash>
#include <QObject>
#include <QThreadPool>

namespace app {

/// Which model, and how it is loaded: words of the command line, empty = auto.
struct RooflineQuestion {
    QString path;
    QString device;
    QString weights;
    QString activations;
    QString kv;
};

class RooflineController : public QObject {
    Q_OBJECT

  public:
    explicit RooflineController(QObject* parent = nullptr);
    /// Cancels and joins: the part under way is finished, with a large model some seconds.
    ~RooflineController() override;

    /// The model that is being measured; empty: none is.
    const QString& path() const { return m_path; }
    bool isRunning() const { return !m_path.isEmpty(); }
    /// The last one of a model since the program's start; not measured when there is none.
    Roofline roofline(const QString& path) const { return m_rooflines.value(path); }

  public slots:
    /// Ignored while one runs.
    void measure(const app::RooflineQuestion& question);
    void cancel();

  signals:
    void runningChanged(bool isRunning);
    void measured(const app::Roofline& roofline);
    void failed(const QString& path, const QString& sentence);

  private:
    QString m_path;
    QHash<QString, Roofline> m_rooflines;
    std::shared_ptr<std::atomic<bool>> m_stop;
    QThreadPool m_pool; // one thread
};

} // namespace app
