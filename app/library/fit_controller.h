#pragma once
// FitController: what fits, for the page: plans and measures on a thread of its own, keeps the
// measured speed of each device in a file. GUI thread.

#include "app/library/fit_table.h"

#include <atomic>
#include <functional>
#include <memory>
#include <QObject>
#include <QThreadPool>

namespace engine {
struct MemoryPlan;
}

namespace app {

class FitController : public QObject {
    Q_OBJECT

  public:
    /// What loaded models hold now; called on this controller's thread.
    using Released = std::function<engine::MemoryPlan()>;

    FitController(QString speedFile, Released released, QObject* parent = nullptr);
    ~FitController() override; ///< joins; a measurement ends at its next step

    /// Whether answers are being computed; asked on this thread. A measurement that nobody asked
    /// for is left out then: slow beside them, it would be remembered as what the machine can do.
    void setBusy(std::function<bool()> isBusy) { m_isBusy = std::move(isBusy); }

    /// devicesFound follows, once.
    void findDevices();
    /// tableReady follows; an older question that was not answered yet never is. A device that was
    /// not measured yet is: then the table comes twice, first without speeds; while answers run
    /// they stay away.
    void ask(const FitQuestion& question);
    /// Measures the device of the last question anew.
    void measureAgain();
    /// Ends the measurement that runs, at its next step; none begins by itself any more.
    void cancelMeasuring();
    bool isMeasuring() const { return m_isMeasuring; }
    /// A measurement was cancelled: the next one has to be asked for.
    bool isDeclined() const { return m_isDeclined; }
    static constexpr double kMeasure_s = 10; ///< at most, about

  signals:
    void devicesFound(const QList<app::FitDevice>& devices);
    void tableReady(const app::FitTable& table);
    void measuringChanged(bool isMeasuring);
    void failed(const QString& sentence);

  private:
    struct Worker;

    void run(const FitQuestion& question, bool measures);
    void setMeasuring(bool isMeasuring);

    std::shared_ptr<Worker> m_worker; // touched on the pool's one thread
    Released m_released;
    std::function<bool()> m_isBusy;
    FitQuestion m_question;
    quint64 m_asked = 0;
    bool m_isMeasuring = false;
    bool m_isDeclined = false;
    std::shared_ptr<std::atomic<quint64>> m_newest;
    std::shared_ptr<std::atomic<bool>> m_stop; // of what was started until it is set
    QThreadPool m_pool;                        // one thread
};

} // namespace app
