-- ARGV: seconds to live, job id, record, seal, submitted at. KEYS[6]: all jobs. Returns 1 for a new job.

redis.call('ZADD', KEYS[6], ARGV[5], ARGV[2])
local is_new = not known_total()
if is_new then
    redis.call('DEL', JOB, DONE, FAILED, ATTEMPTS, DEAD)
    redis.call('HSET', JOB, 'state', 'running', 'total', 0, 'is_listed', 0, 'sent', 0, 'done', 0, 'failed', 0)
end
local state = redis.call('HGET', JOB, 'state')
if state == 'cancelled' or state == 'superseded' then
    redis.call('HSET', JOB, 'state', 'running')
end
redis.call('HSET', JOB, 'record', ARGV[3], 'seal', ARGV[4])
renew(ARGV[1])
return is_new and 1 or 0
